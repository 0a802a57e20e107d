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
_STACKENV_VENV=${VIRTUAL_ENV-}
# Never over a function or an alias; a program of that name is conda's, for conda alone. In quotes: a
# shell that knows an alias of the name would take this line for a mistake.
case "$(command -v deactivate 2>/dev/null || :)" in
"" | /*)
    _STACKENV_DEACTIVATE=__MODULE__
    # shellcheck disable=SC2016
    eval 'deactivate() { [ "${1-}" = nondestructive ] || module unload "$_STACKENV_DEACTIVATE"; }'
    ;;
esac
