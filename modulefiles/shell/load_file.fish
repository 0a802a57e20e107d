# See load_file.sh.
if test -f __FILE__; and test -r __FILE__; builtin source __FILE__; end
