# After an unload. What was activated on top is left first, by the module of conda if that is still
# loaded; otherwise its own unload does so.
if [ "${CONDA_PREFIX_1-}" = __PREFIX__ ] && [ -z "${STACKENV_CONDA_ENV-}" ] && [ -n "${STACKENV_CONDA_ROOT-}" ]; then
    while [ "${CONDA_SHLVL:-0}" -gt 0 ]; do
        _STACKENV_LEVEL=$CONDA_SHLVL
        conda deactivate || break
        # `conda` may be a function of the user's by now.
        [ "${CONDA_SHLVL-}" != "$_STACKENV_LEVEL" ] || break
    done
    unset _STACKENV_LEVEL
fi
# conda's base is on PATH again where no environment is active, behind conda's own programs.
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
    # The user's own may stand there now, or that of an activate script; dash shows no function.
    # shellcheck disable=SC3044
    case "$(typeset -f deactivate 2>/dev/null || :)" in
    *_STACKENV_DEACTIVATE*) unset -f deactivate ;;
    "") [ -n "${_OLD_VIRTUAL_PATH-}" ] || unset -f deactivate 2>/dev/null || : ;;
    esac
    unset _STACKENV_DEACTIVATE
fi
