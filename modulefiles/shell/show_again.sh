# Where conda's installation is gone at the unload: what was put aside of what modules brought is there again. Only a
# shell can set a variable at an unload.
if [ -n "${STACKENV_HIDDEN_PYTHONPATH:+${LOADEDMODULES-}}" ]; then
    PYTHONPATH=$STACKENV_HIDDEN_PYTHONPATH
    export PYTHONPATH
fi
if [ -n "${STACKENV_HIDDEN_EBPYTHONPREFIXES:+${LOADEDMODULES-}}" ]; then
    EBPYTHONPREFIXES=$STACKENV_HIDDEN_EBPYTHONPREFIXES
    export EBPYTHONPREFIXES
fi
unset STACKENV_HIDDEN_PYTHONPATH STACKENV_HIDDEN_EBPYTHONPREFIXES
