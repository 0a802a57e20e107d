# After an unload. See conda_environment_unload.sh for the reasons.
if test "$CONDA_PREFIX_1" = __PREFIX__; and not set -q STACKENV_CONDA_ENV; and set -q STACKENV_CONDA_ROOT
    while test "$CONDA_SHLVL" -gt 0 2>/dev/null
        set -l __se_level $CONDA_SHLVL
        conda deactivate
        or break
        # By now, `conda` may be a function that the user has defined.
        test "$CONDA_SHLVL" != "$__se_level"
        or break
    end
end
if not set -q STACKENV_CONDA_ENV; and set -q STACKENV_CONDA_BASE
    if set -q STACKENV_CONDA_ROOT; and not contains -- "$STACKENV_CONDA_ROOT/bin" $PATH
        if set -l __se_index (contains -i -- "$STACKENV_CONDA_ROOT/condabin" $PATH)
            set -gx PATH $PATH[1..$__se_index] "$STACKENV_CONDA_ROOT/bin" $PATH[(math $__se_index + 1)..]
        end
    end
    set -e STACKENV_CONDA_BASE
end
if set -q _STACKENV_DEACTIVATE
    if functions -q deactivate; and functions deactivate | string match -q '*$_STACKENV_DEACTIVATE*'
        functions -e deactivate
    end
    set -e _STACKENV_DEACTIVATE
end
