# If the installation of conda is gone at the unload, restores the entries of modules that were put aside. Only the
# shell can set a variable at an unload.
[ -z "${STACKENV_HIDDEN_PYTHONPATH:+${LOADEDMODULES-}}" ] || export PYTHONPATH="$STACKENV_HIDDEN_PYTHONPATH"
[ -z "${STACKENV_HIDDEN_EBPYTHONPREFIXES:+${LOADEDMODULES-}}" ] || export EBPYTHONPREFIXES="$STACKENV_HIDDEN_EBPYTHONPREFIXES"
unset STACKENV_HIDDEN_PYTHONPATH STACKENV_HIDDEN_EBPYTHONPREFIXES
