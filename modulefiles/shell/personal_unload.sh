# After an unload.
if [ -n "${_STACKENV_DEACTIVATE-}" ]; then
    # The user's own may stand there now, or that of an activate script; dash shows no function.
    # shellcheck disable=SC3044
    case "$(typeset -f deactivate 2>/dev/null || :)" in
    *_STACKENV_DEACTIVATE*) unset -f deactivate ;;
    "") [ -n "${_OLD_VIRTUAL_PATH-}" ] || unset -f deactivate 2>/dev/null || : ;;
    esac
    unset _STACKENV_DEACTIVATE
fi
# A venv that is still active stays so, and its `deactivate` must not bring this module back. Without
# VIRTUAL_ENV it is this very one, by its script, after the load.
if [ -n "${_OLD_VIRTUAL_PATH-}" ] && [ -z "${VIRTUAL_ENV-}" ] && [ -n "${_STACKENV_VENV-}" ]; then
    VIRTUAL_ENV=$_STACKENV_VENV
    export VIRTUAL_ENV
fi
unset _STACKENV_VENV
if [ -n "${_OLD_VIRTUAL_PATH-}" ] && [ -n "${VIRTUAL_ENV-}" ]; then
    case ":$PATH:" in
    *":$VIRTUAL_ENV/bin:"*) ;;
    *) PATH="$VIRTUAL_ENV/bin:$PATH" ;;
    esac
    _OLD_VIRTUAL_PATH=":$PATH:"
    while [ "$_OLD_VIRTUAL_PATH" != "${_OLD_VIRTUAL_PATH%%":$VIRTUAL_ENV/bin:"*}" ]; do
        _OLD_VIRTUAL_PATH="${_OLD_VIRTUAL_PATH%%":$VIRTUAL_ENV/bin:"*}:${_OLD_VIRTUAL_PATH#*":$VIRTUAL_ENV/bin:"}"
    done
    _OLD_VIRTUAL_PATH="${_OLD_VIRTUAL_PATH#:}"
    _OLD_VIRTUAL_PATH="${_OLD_VIRTUAL_PATH%:}"
fi
