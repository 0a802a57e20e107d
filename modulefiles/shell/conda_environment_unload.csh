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
if ( ! $?STACKENV_CONDA_ENV && $?STACKENV_CONDA_BASE ) then
    if ( $?STACKENV_CONDA_ROOT ) then
        set _stackenv_path = ()
        foreach _stackenv_entry ( $path:q )
            if ( "$_stackenv_entry" != "$STACKENV_CONDA_ROOT/bin" ) then
                set _stackenv_path = ( $_stackenv_path:q "$_stackenv_entry" )
            endif
            if ( "$_stackenv_entry" == "$STACKENV_CONDA_ROOT/condabin" ) then
                set _stackenv_path = ( $_stackenv_path:q "$STACKENV_CONDA_ROOT/bin" )
            endif
        end
        set path = ( $_stackenv_path:q )
        unset _stackenv_path _stackenv_entry
    endif
    unsetenv STACKENV_CONDA_BASE
endif
if ( $?_STACKENV_DEACTIVATE ) then
    if ( "`alias deactivate`" == "$_STACKENV_DEACTIVATE" ) unalias deactivate
    unset _STACKENV_DEACTIVATE
endif
unset _STACKENV_UNLOAD
