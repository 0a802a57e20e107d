# After an unload of a personal module, as load_file.sh. If the folder is gone or the file is empty, runs the code that
# the load has kept.
# shellcheck source=/dev/null disable=SC1001
if [ -f __FILE__ ] && [ -s __FILE__ ] && [ -r __FILE__ ]; then \. __FILE__; else eval "${_STACKENV_UNLOAD-}"; fi
