# See load_file.sh.
if ( -f __FILE__ && -r __FILE__ ) source __FILE__
