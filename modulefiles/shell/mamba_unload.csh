# Sourced at the unload. See mamba_unload.sh.
if ( $?_STACKENV_MAMBA_KEPT ) then
    unset _STACKENV_MAMBA_KEPT _STACKENV_MAMBA_ROOT_KEPT
    exit 0
endif
set __se_before = ""
if ( $?MAMBA_EXE ) then
    set __se_before = $MAMBA_EXE:q
endif
# The alias contains the program, or the name of the variable that holds it.
set __se_alias = "`alias __mamba_exe`"
if ( "$__se_alias:q" =~ *__MAMBA__* || ( "$__se_before:q" == __MAMBA__ && "$__se_alias:q" =~ *MAMBA_EXE* ) ) then
    unalias __mamba_exe
    unalias __mamba_hashr
    unalias __mamba_xctivate
    unalias __mamba_wrap
    foreach __se_name ( mamba micromamba )
        if ( "`alias $__se_name`" == __mamba_wrap ) unalias $__se_name
    end
    unset __exe_name __se_name
endif
if ( "$__se_before:q" == __MAMBA__ ) unsetenv MAMBA_EXE
if ( $?MAMBA_ROOT_PREFIX ) then
    if ( ! $?_STACKENV_MAMBA_ROOT_KEPT && "$MAMBA_ROOT_PREFIX:q" == __ROOT__ ) unsetenv MAMBA_ROOT_PREFIX
endif
unset __se_before __se_alias _STACKENV_MAMBA_ROOT_KEPT
exit 0
