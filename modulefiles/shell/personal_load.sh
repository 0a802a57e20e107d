# After a load. A venv that was activated before brings back, by its own `deactivate`, the PATH from
# before the load: give it the modules too.
if [ -n "${_OLD_VIRTUAL_PATH-}" ]; then
    _OLD_VIRTUAL_PATH=":$PATH:"
    if [ -n "${STACKENV_VENV_BEFORE-}" ] && [ "$STACKENV_VENV_BEFORE" != "${VIRTUAL_ENV-}" ]; then
        while [ "$_OLD_VIRTUAL_PATH" != "${_OLD_VIRTUAL_PATH%%":$STACKENV_VENV_BEFORE/bin:"*}" ]; do
            _OLD_VIRTUAL_PATH="${_OLD_VIRTUAL_PATH%%":$STACKENV_VENV_BEFORE/bin:"*}:${_OLD_VIRTUAL_PATH#*":$STACKENV_VENV_BEFORE/bin:"}"
        done
    fi
    _OLD_VIRTUAL_PATH="${_OLD_VIRTUAL_PATH#:}"
    _OLD_VIRTUAL_PATH="${_OLD_VIRTUAL_PATH%:}"
fi
# Never over a function or an alias; a program of that name is conda's, for conda alone.
case "$(command -v deactivate 2>/dev/null || :)" in
"" | /*)
    deactivate() {
        [ "${1-}" = nondestructive ] || module unload __MODULE__
    }
    _STACKENV_DEACTIVATE=1
    ;;
esac
