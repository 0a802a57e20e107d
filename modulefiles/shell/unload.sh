# Runs at the end of every unload. After a reload, when the module is loaded again, this does nothing.
if [ "${STACKENV_CONDA_ROOT-}" != __ROOT__ ]; then
    __se_before=${STACKENV_CONDA_BEFORE:-clean}
    case $__se_before in clean) __se_level=0 ;; *) __se_level=${__se_before%%:*} ;; esac
    # The first environment belongs to a personal module that is still loaded.
    if [ -n "${STACKENV_CONDA_ENV-}" ]; then __se_level=1; fi
    __se_command=deactivate
    while [ "${CONDA_SHLVL:-0}" -gt "${__se_level:-0}" ]; do
        __se_was=$CONDA_SHLVL
        __se_code=$(STACKENV_PROMPT="${PS1+=$PS1}" __PYTHON__ __FLAGS__ __ACTIVATION__ sh __OPTIONS__ "$__se_command") ||
            __se_code=
        __se_flags=$-
        set +eu
        eval "$__se_code" || :
        case $__se_flags in *e*) set -e ;; esac
        case $__se_flags in *u*) set -u ;; esac
        # conda failed, or did nothing: try again without it.
        if [ "${CONDA_SHLVL:-0}" = "$__se_was" ]; then
            if [ "$__se_command" = leave ]; then break; fi
            __se_command=leave
        fi
    done
    # An environment was left with the functions of conda itself, which do not restore what was put aside.
    if [ -n "${STACKENV_USER_SITE-}${STACKENV_PIP_GUARD-}${STACKENV_PIP_USER-}${STACKENV_HIDDEN_STATE-}${STACKENV_VENV_ASIDE-}" ]; then
        __se_code=$(__PYTHON__ __FLAGS__ __ACTIVATION__ sh __OPTIONS__ bring-back) || __se_code=
        eval "$__se_code" || :
    fi
    case $__se_before in
        clean)
            # In conda 25.7 and later, a deactivation with its own functions leaves some of these empty.
            if [ -z "${STACKENV_CONDA_ENV-}" ]; then
                unset CONDA_SHLVL CONDA_PREFIX CONDA_DEFAULT_ENV CONDA_PROMPT_MODIFIER
                unset CONDA_PREFIX_1 CONDA_PREFIX_2 CONDA_PREFIX_3
            fi
            unset _CE_M _CE_CONDA _CONDA_ROOT _CONDA_EXE
            if [ -z "${STACKENV_CONDA_ROOT-}" ]; then
                unset CONDA_EXE CONDA_PYTHON_EXE
            fi
            # Remove what the hook of conda itself leaves behind, if a script has run it: functions, folders, a prompt.
            unset -f __conda_activate __conda_deactivate __conda_reactivate __conda_exe \
                __conda_hashr __add_sys_prefix_to_path 2>/dev/null || :
            __se_list=$PATH
            for __se_entry in __ROOT__/bin __ROOT__/condabin; do
                # include shell/remove_entry.sh
            done
            PATH=$__se_list
            # In a script, only bash has no prompt; there the hook sets an empty one.
            if [ -n "${BASH_VERSION-}" ] && [ -z "${PS1-set}" ]; then
                unset PS1
            fi
            unset __se_list __se_entry
            ;;
        *)
            # Another conda was set up in this shell, and its function was replaced: restore it.
            __se_other=${__se_before#*:}
            __se_other=${__se_other%%:*}
            if [ -z "$__se_level" ]; then
                unset CONDA_SHLVL
            fi
            if [ -z "${STACKENV_CONDA_ROOT-}" ] && [ -n "$__se_other" ]; then
                CONDA_EXE=$__se_other
                CONDA_PYTHON_EXE=${__se_other%/*}/python
                export CONDA_EXE CONDA_PYTHON_EXE
                if [ -r "${__se_other%/bin/conda}/etc/profile.d/conda.sh" ]; then
                    # shellcheck source=/dev/null
                    . "${__se_other%/bin/conda}/etc/profile.d/conda.sh"
                fi
            fi
            ;;
    esac
    if [ -z "${STACKENV_CONDA_ROOT-}" ]; then
        unset STACKENV_CONDA_BEFORE
    fi
    unset __se_before __se_level __se_code __se_flags __se_other __se_command __se_was
fi
