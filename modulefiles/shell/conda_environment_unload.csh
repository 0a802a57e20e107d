# After an unload, sourced by csh and tcsh. See conda_environment_unload.sh for the reasons.
if ( $?CONDA_PREFIX_1 && ! $?STACKENV_CONDA_ENV && $?STACKENV_CONDA_ROOT ) then
    if ( "$CONDA_PREFIX_1" == __PREFIX__ ) then
        while ( $?CONDA_SHLVL )
            if ( $CONDA_SHLVL == 0 ) break
            set _stackenv_level = $CONDA_SHLVL
            conda deactivate
            if ( $?CONDA_SHLVL ) then
                if ( $CONDA_SHLVL == $_stackenv_level ) break
            endif
        end
        unset _stackenv_level
    endif
endif
if ( $?_STACKENV_DEACTIVATE ) then
    unalias deactivate
    unset _STACKENV_DEACTIVATE
endif
