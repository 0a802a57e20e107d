# See unload_file.sh. The code of the unload unsets what was kept.
if ( -f __FILE__ && -s __FILE__ && -r __FILE__ ) source __FILE__
if ( $?_STACKENV_UNLOAD ) eval 'eval "$_STACKENV_UNLOAD"'
