# After an unload. See conda_environment_unload.sh for the reasons.
if test "$CONDA_PREFIX_1" = __PREFIX__; and not set -q STACKENV_CONDA_ENV; and set -q STACKENV_CONDA_ROOT
    while test "$CONDA_SHLVL" -gt 0 2>/dev/null
        conda deactivate
        or break
    end
end
if set -q _STACKENV_DEACTIVATE
    functions -e deactivate
    set -e _STACKENV_DEACTIVATE
end
