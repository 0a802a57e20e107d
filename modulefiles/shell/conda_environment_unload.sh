# After an unload. Environments that were activated on top are left first: by the module of conda if it is still
# loaded; otherwise its own unload does so.
if [ "${CONDA_PREFIX_1-}" = __PREFIX__ ] && [ -z "${STACKENV_CONDA_ENV-}" ] && [ -n "${STACKENV_CONDA_ROOT-}" ]; then
    while [ "${CONDA_SHLVL:-0}" -gt 0 ]; do
        _STACKENV_LEVEL=$CONDA_SHLVL
        conda deactivate || break
        # By now, `conda` may be a function that the user has defined.
        [ "${CONDA_SHLVL-}" != "$_STACKENV_LEVEL" ] || break
    done
    unset _STACKENV_LEVEL
fi
# If no environment is active, put the base of conda on PATH again, after the programs of conda itself.
if [ -z "${STACKENV_CONDA_ENV-}" ] && [ -n "${STACKENV_CONDA_BASE-}" ]; then
    case ":$PATH:" in
    *":${STACKENV_CONDA_ROOT-}/bin:"*) ;;
    *":${STACKENV_CONDA_ROOT:-/-}/condabin:"*)
        PATH=":$PATH:"
        PATH="${PATH%%":$STACKENV_CONDA_ROOT/condabin:"*}:$STACKENV_CONDA_ROOT/condabin:$STACKENV_CONDA_ROOT/bin:${PATH#*":$STACKENV_CONDA_ROOT/condabin:"}"
        PATH="${PATH#:}"
        PATH="${PATH%:}"
        ;;
    esac
    unset STACKENV_CONDA_BASE
fi
if [ -n "${_STACKENV_DEACTIVATE-}" ]; then
    # By now it may be the user's own function, or that of an activate script; dash cannot print functions.
    # shellcheck disable=SC3044
    case "$(typeset -f deactivate 2>/dev/null || :)" in
    *_STACKENV_DEACTIVATE*) unset -f deactivate ;;
    "") [ -n "${_OLD_VIRTUAL_PATH-}" ] || unset -f deactivate 2>/dev/null || : ;;
    esac
    unset _STACKENV_DEACTIVATE
fi
