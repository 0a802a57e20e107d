# Where conda's installation is gone at the unload: what was put aside of what modules brought is there again. Only a
# shell can set a variable at an unload.
[ -z "${STACKENV_HIDDEN_PYTHONPATH:+${LOADEDMODULES-}}" ] || export PYTHONPATH="$STACKENV_HIDDEN_PYTHONPATH"
[ -z "${STACKENV_HIDDEN_EBPYTHONPREFIXES:+${LOADEDMODULES-}}" ] || export EBPYTHONPREFIXES="$STACKENV_HIDDEN_EBPYTHONPREFIXES"
unset STACKENV_HIDDEN_PYTHONPATH STACKENV_HIDDEN_EBPYTHONPREFIXES
