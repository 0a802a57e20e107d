# See unload_file.sh.
if test -f __FILE__; and test -s __FILE__; and test -r __FILE__; builtin source __FILE__; else; eval $_STACKENV_UNLOAD; end
