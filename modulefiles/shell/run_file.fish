# See run_file.sh.
if test -r __FILE__; source __FILE__; else; eval $_STACKENV_UNLOAD; end
