# After a load or an unload of a personal module: the code is in the environment's folder. Where that has gone since,
# the load has kept the code of the unload.
# shellcheck source=/dev/null
if [ -r __FILE__ ]; then . __FILE__; else eval "${_STACKENV_UNLOAD-}"; fi
