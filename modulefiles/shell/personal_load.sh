# After a load. The `deactivate` of a venv that was activated before would restore the PATH from before the load,
# so add the modules to the PATH that it has saved.
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
# Never replace a function or an alias; a program of that name belongs to conda, which alone uses it. The eval is
# needed: a shell with an alias of that name would report a syntax error in this line.
case "$(command -v deactivate 2>/dev/null || :)" in
"" | /*)
    _STACKENV_DEACTIVATE=__MODULE__
    # shellcheck disable=SC2016
    _STACKENV_FUNCTION='deactivate() { [ "${1-}" = nondestructive ] || module unload "$_STACKENV_DEACTIVATE"; }'
    eval "$_STACKENV_FUNCTION"
    # The `deactivate` of another environment's script finally unsets itself and VIRTUAL_ENV; ours are restored at
    # the next prompt. Only bash and zsh can run code there; a script has no prompt.
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
        # A child process that inherits the variable does not have the function.
        # shellcheck disable=SC2016
        if [ -n "${ZSH_VERSION-}" ]; then
            eval 'typeset -ga precmd_functions; precmd_functions=(${precmd_functions:#_stackenv_prompt} _stackenv_prompt)'
        else
            # If the variable was set before, the first line of ours is empty; the unload unsets it only if it was
            # not set. Sites that audit commands make it readonly.
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
