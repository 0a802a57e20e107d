# After an unload. A venv's activate script has put its own `deactivate` in the place of ours.
if [ -n "${_STACKENV_DEACTIVATE-}" ]; then
    if [ -z "${_OLD_VIRTUAL_PATH-}" ]; then
        unset -f deactivate 2>/dev/null || :
    fi
    unset _STACKENV_DEACTIVATE
fi
# A venv that is still active stays so, and its `deactivate` must not bring this module back.
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
