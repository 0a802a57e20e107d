# After an unload.
if [ -n "${_STACKENV_DEACTIVATE-}" ]; then
    # That of an activate script may stand there now, or the user's own; dash shows no function, and ksh93 of
    # one from a sourced file a part of another text.
    # shellcheck disable=SC3044
    [ -n "${_OLD_VIRTUAL_PATH-}" ] || case "$(typeset -f deactivate 2>/dev/null || :)" in
    *_STACKENV_DEACTIVATE* | "") unset -f deactivate 2>/dev/null || : ;;
    esac
    unset _STACKENV_DEACTIVATE _STACKENV_FUNCTION
    # shellcheck disable=SC2016,SC3044
    if [ -n "${ZSH_VERSION-}" ] && typeset -f _stackenv_prompt >/dev/null; then
        eval 'precmd_functions=(${precmd_functions:#_stackenv_prompt}); (($#precmd_functions)) || unset precmd_functions'
    elif [ -n "${BASH_VERSION-}" ]; then
        _stackenv_line='
! typeset -f _stackenv_prompt >/dev/null || _stackenv_prompt'
        # What was there, and what the user has put behind it since, stays.
        case "${PROMPT_COMMAND-}" in
        "${_stackenv_line#?}") unset PROMPT_COMMAND ;;
        *"$_stackenv_line"*) PROMPT_COMMAND="${PROMPT_COMMAND%%"$_stackenv_line"*}${PROMPT_COMMAND#*"$_stackenv_line"}" ;;
        "${_stackenv_line#?}"*) PROMPT_COMMAND=":${PROMPT_COMMAND#"${_stackenv_line#?}"}" ;;
        esac
        unset _stackenv_line
    fi
    unset -f _stackenv_prompt 2>/dev/null || :
fi
# A venv that is still active stays so, and its `deactivate` must not bring this module back. Without
# VIRTUAL_ENV it is this very one, by its script, after the load.
if [ -n "${_OLD_VIRTUAL_PATH-}" ] && [ -z "${VIRTUAL_ENV-}" ] && [ -n "${_STACKENV_VENV-}" ]; then
    VIRTUAL_ENV=$_STACKENV_VENV
    export VIRTUAL_ENV
fi
unset _STACKENV_VENV _STACKENV_VENV_PROMPT
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
