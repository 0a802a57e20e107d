# After an unload.
if [ -n "${_STACKENV_DEACTIVATE-}" ]; then
    # By now it may be the function of an activate script, or the user's own. dash cannot print functions, and ksh93
    # prints wrong text for a function from a sourced file.
    # shellcheck disable=SC3044
    [ -n "${_OLD_VIRTUAL_PATH-}" ] || case "$(typeset -f deactivate 2>/dev/null || :)" in
    *_STACKENV_DEACTIVATE* | "") unset -f deactivate 2>/dev/null || : ;;
    esac
    unset _STACKENV_DEACTIVATE _STACKENV_FUNCTION
    # shellcheck disable=SC2016,SC3044
    if [ -n "${ZSH_VERSION-}" ] && typeset -f _stackenv_prompt >/dev/null; then
        eval 'precmd_functions=(${precmd_functions:#_stackenv_prompt}); (($#precmd_functions)) || unset precmd_functions'
    elif [ -n "${BASH_VERSION-}" ]; then
        # The eval is needed, because only bash reads arrays. Other commands in the variable stay; if our code is a
        # part of a longer command, it is replaced by a command that does nothing.
        eval '_stackenv_take_out() {
            local ours="! typeset -f _stackenv_prompt >/dev/null || _stackenv_prompt" newline="
" places=("${!PROMPT_COMMAND[@]}") place before after bare left
            for place in "${places[@]}"; do
                if [[ ${PROMPT_COMMAND[place]} == "$ours" ]]; then
                    [[ ${#places[@]} == 1 ]] || { unset "PROMPT_COMMAND[$place]"; continue; }
                    unset PROMPT_COMMAND
                    return
                fi
                while [[ ${PROMPT_COMMAND[place]} == *"$ours"* ]]; do
                    before=${PROMPT_COMMAND[place]%%"$ours"*} after=${PROMPT_COMMAND[place]#*"$ours"} left=""
                    bare=${after#"${after%%[! ]*}"}
                    [[ $bare == "" || $bare == [\;$newline]* ]] || left=:
                    bare=${before%"${before##*[! ]}"}
                    [[ $bare == "" || $bare == *[\;$newline] ]] || left=:
                    if [[ -z $left ]]; then
                        before=${bare%?}
                        [[ -n $before ]] || after=${after#"${after%%[! \;$newline]*}"}
                    fi
                    if [[ $place == 0 ]]; then
                        PROMPT_COMMAND=$before$left$after
                    else
                        PROMPT_COMMAND[place]=$before$left$after
                    fi
                done
            done
            [[ -z ${PROMPT_COMMAND[*]+set} || -n ${PROMPT_COMMAND+set} ]] || PROMPT_COMMAND=("${PROMPT_COMMAND[@]}")
        }'
        _stackenv_line=$(declare -p PROMPT_COMMAND 2>/dev/null || :)
        case "${_stackenv_line%%PROMPT_COMMAND*}" in *-*r*) _stackenv_line='' ;; esac
        case "$_stackenv_line" in *_stackenv_prompt*) _stackenv_take_out ;; esac
        unset _stackenv_line
        unset -f _stackenv_take_out
    fi
    unset -f _stackenv_prompt 2>/dev/null || :
fi
# A venv that is still active stays active, and its `deactivate` must not restore this module. If VIRTUAL_ENV is
# unset, the venv is this very environment, activated with its script after the load.
if [ -n "${_OLD_VIRTUAL_PATH-}" ] && [ -z "${VIRTUAL_ENV-}" ] && [ -n "${_STACKENV_VENV-}" ]; then
    VIRTUAL_ENV=$_STACKENV_VENV
    export VIRTUAL_ENV
fi
unset _STACKENV_VENV _STACKENV_VENV_PROMPT _STACKENV_UNLOAD
if [ -n "${_OLD_VIRTUAL_PATH-}" ] && [ -n "${VIRTUAL_ENV-}" ]; then
    case ":$PATH:" in
    *":$VIRTUAL_ENV/bin:"*) ;;
    *) PATH="$VIRTUAL_ENV/bin:$PATH" ;;
    esac
    __se_list=$PATH
    __se_entry=$VIRTUAL_ENV/bin
    # include shell/remove_entry.sh
    _OLD_VIRTUAL_PATH=$__se_list
    unset __se_list __se_entry
fi
