# Sourced at the end of every unload. After a reload, when the module is loaded again, this does nothing.
if ( $?STACKENV_CONDA_ROOT ) then
    if ( "$STACKENV_CONDA_ROOT" == __ROOT__ ) exit 0
endif
set __se_level = 0
set __se_before = clean
if ( $?STACKENV_CONDA_BEFORE ) then
    set __se_before = "$STACKENV_CONDA_BEFORE"
endif
if ( "$__se_before" != clean ) then
    set __se_level = `echo "$__se_before" | sed 's/:.*//'`
endif
if ( "$__se_level" == "" ) set __se_level = 0
# The first environment belongs to a personal module that is still loaded.
if ( $?STACKENV_CONDA_ENV ) set __se_level = 1
set __se_command = deactivate
while ( $?CONDA_SHLVL )
    if ( $CONDA_SHLVL <= $__se_level ) break
    set __se_was = $CONDA_SHLVL
    if ( $?prompt ) then
        setenv STACKENV_PROMPT "=$prompt:q"
    endif
    set __se_code = ( "`__PYTHON__ __FLAGS__ __ACTIVATION__ csh __OPTIONS__ $__se_command`" )
    set __se_status = $status
    unsetenv STACKENV_PROMPT
    if ( $__se_status == 0 ) eval "$__se_code:q"
    # conda failed, or did nothing: try again without it.
    if ( $?CONDA_SHLVL ) then
        if ( $CONDA_SHLVL == $__se_was ) then
            if ( $__se_command == leave ) break
            set __se_command = leave
        endif
    endif
end
# An environment was left with the functions of conda itself, which do not restore what was put aside.
if ( $?STACKENV_USER_SITE || $?STACKENV_PIP_GUARD || $?STACKENV_PIP_USER || $?STACKENV_HIDDEN_STATE || $?STACKENV_VENV_ASIDE ) then
    set __se_code = ( "`__PYTHON__ __FLAGS__ __ACTIVATION__ csh __OPTIONS__ bring-back`" )
    if ( $status == 0 ) eval "$__se_code:q"
endif
if ( "$__se_before" == clean ) then
    # In conda 25.7 and later, a deactivation with its own functions leaves some of these empty.
    if ( ! $?STACKENV_CONDA_ENV ) then
        unsetenv CONDA_SHLVL
        unsetenv CONDA_PREFIX
        unsetenv CONDA_DEFAULT_ENV
        unsetenv CONDA_PROMPT_MODIFIER
        unsetenv CONDA_PREFIX_*
    endif
    unsetenv _CE_M
    unsetenv _CE_CONDA
    unset _CONDA_ROOT _CONDA_EXE
    # Remove what the hook of conda itself leaves behind, if a script has run it.
    foreach __se_entry ( __ROOT__/bin __ROOT__/condabin )
        # include shell/remove_entry.csh
        if ( $#__se_list != $#path ) set path = ( $__se_list:q )
    end
    unset __se_list __se_entry
    if ( ! $?STACKENV_CONDA_ROOT ) then
        unsetenv CONDA_EXE
        unsetenv CONDA_PYTHON_EXE
    endif
else if ( ! $?STACKENV_CONDA_ROOT ) then
    # Another conda was set up in this shell, and its alias was replaced: restore it.
    set __se_other = "`echo $__se_before:q | sed 's/^[^:]*:\([^:]*\).*/\1/'`"
    if ( "$__se_other" != "" ) then
        setenv CONDA_EXE "$__se_other"
        setenv CONDA_PYTHON_EXE "$__se_other:h/python"
        if ( -r "$__se_other:h:h/etc/profile.d/conda.csh" ) source "$__se_other:h:h/etc/profile.d/conda.csh"
    endif
    unset __se_other
endif
if ( ! $?STACKENV_CONDA_ROOT ) unsetenv STACKENV_CONDA_BEFORE
unset __se_level __se_before __se_code __se_status __se_command __se_was
exit 0
