# After an unload of a personal module: as load_file.sh. Where the folder has gone since, or the file is empty, the
# load has kept the code.
# shellcheck source=/dev/null disable=SC1001
if [ -f __FILE__ ] && [ -s __FILE__ ] && [ -r __FILE__ ]; then \. __FILE__; else eval "${_STACKENV_UNLOAD-}"; fi
