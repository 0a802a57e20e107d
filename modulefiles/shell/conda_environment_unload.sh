# After an unload. What was activated on top is left first, by the module of conda if that is still
# loaded; otherwise its own unload does so.
if [ "${CONDA_PREFIX_1-}" = __PREFIX__ ] && [ -z "${STACKENV_CONDA_ENV-}" ] && [ -n "${STACKENV_CONDA_ROOT-}" ]; then
    while [ "${CONDA_SHLVL:-0}" -gt 0 ]; do
        conda deactivate || break
    done
fi
if [ -n "${_STACKENV_DEACTIVATE-}" ]; then
    unset -f deactivate 2>/dev/null || :
    unset _STACKENV_DEACTIVATE
fi
