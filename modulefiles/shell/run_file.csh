# See run_file.sh. The unload's code forgets what is kept; after a load it is read from the file.
if ( -r __FILE__ ) source __FILE__
if ( ! -r __FILE__ && $?_STACKENV_UNLOAD ) eval 'eval "$_STACKENV_UNLOAD"'
