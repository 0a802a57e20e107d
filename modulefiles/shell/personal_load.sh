# After a load. A venv that was activated before brings back, by its own `deactivate`, the PATH from
# before the load: give it the modules too.
if [ -n "${_OLD_VIRTUAL_PATH-}" ]; then
    __se_list=$PATH
    if [ -n "${STACKENV_VENV_BEFORE-}" ] && [ "$STACKENV_VENV_BEFORE" != "${VIRTUAL_ENV-}" ]; then
        __se_entry=$STACKENV_VENV_BEFORE/bin
        # include shell/remove_entry.sh
    fi
    _OLD_VIRTUAL_PATH=$__se_list
    unset __se_list __se_entry
fi
_STACKENV_UNLOAD=__UNLOAD__
_STACKENV_VENV=${VIRTUAL_ENV-}
_STACKENV_VENV_PROMPT=${VIRTUAL_ENV_PROMPT-}
# Never over a function or an alias; a program of that name is conda's, for conda alone. In quotes: a
# shell that knows an alias of the name would take this line for a mistake.
case "$(command -v deactivate 2>/dev/null || :)" in
"" | /*)
    _STACKENV_DEACTIVATE=__MODULE__
    # shellcheck disable=SC2016
    _STACKENV_FUNCTION='deactivate() { [ "${1-}" = nondestructive ] || module unload "$_STACKENV_DEACTIVATE"; }'
    eval "$_STACKENV_FUNCTION"
    # The `deactivate` of another environment's script takes itself and VIRTUAL_ENV away at its end: ours are
    # back at the next prompt. Only bash and zsh run something there; in a script there is none.
    case "$-/${BASH_VERSION:+bash}${ZSH_VERSION:+zsh}" in
    *i*/?*)
        _stackenv_prompt() {
            [ -n "${_STACKENV_VENV-}" ] && [ -z "${VIRTUAL_ENV-}" ] || return 0
            case "$(command -v deactivate 2>/dev/null || :)" in
            "" | /*)
                VIRTUAL_ENV=$_STACKENV_VENV VIRTUAL_ENV_PROMPT=$_STACKENV_VENV_PROMPT
                export VIRTUAL_ENV VIRTUAL_ENV_PROMPT
                eval "$_STACKENV_FUNCTION"
                ;;
            esac
        }
        # A child that inherits the variable has no such function.
        # shellcheck disable=SC2016
        if [ -n "${ZSH_VERSION-}" ]; then
            eval 'typeset -ga precmd_functions; precmd_functions=(${precmd_functions:#_stackenv_prompt} _stackenv_prompt)'
        else
            # Its first line is empty where the variable was set: the unload unsets no other. A site that audits
            # makes it readonly.
            # shellcheck disable=SC3044
            _stackenv_line=$(declare -p PROMPT_COMMAND 2>/dev/null || :)
            case "${_stackenv_line%%PROMPT_COMMAND*}" in *-*r*) _stackenv_line='readonly' ;; esac
            case "$_stackenv_line" in
            readonly | *_stackenv_prompt*) ;;
            *)
                eval 'PROMPT_COMMAND="${PROMPT_COMMAND-}${PROMPT_COMMAND+
}! typeset -f _stackenv_prompt >/dev/null || _stackenv_prompt"'
                ;;
            esac
            unset _stackenv_line
        fi
        ;;
    esac
    ;;
esac
