# The command `mamba` of tcsh and csh, sourced by an alias of that name. See mamba.sh.
# tcsh expands the variables of a line before it tests its condition.
set __se_first = ""
set __se_second = ""
if ( $#argv > 0 ) then
    set __se_first = $argv[1]:q
endif
if ( $#argv > 1 ) then
    set __se_second = $argv[2]:q
endif
set __se_arguments = ( $argv:q )
switch ( $__se_first:q/$__se_second:q )
    case */-h:
    case */--help:
        unset __se_first __se_second __se_arguments
        __RUN__ $argv:q
        exit $status
    case activate/*:
    case deactivate/*:
    case reactivate/*:
        unset __se_first __se_second
        breaksw
    case install/*:
    case update/*:
    case upgrade/*:
    case remove/*:
    case uninstall/*:
    case env/update:
        unset __se_first __se_second __se_arguments
        __RUN__ $argv:q
        if ( $status != 0 ) exit $status
        if ( ! $?CONDA_SHLVL ) exit 0
        if ( $CONDA_SHLVL == 0 ) exit 0
        # The command may have installed or removed activation scripts.
        set __se_arguments = ( reactivate )
        breaksw
    case shell/hook:
    case shell.*/hook:
        unset __se_first __se_second __se_arguments
        # This alias already does what the hook of mamba would set up.
        exit 0
    default:
        unset __se_first __se_second __se_arguments
        # include shell/late_modules.csh
        __RUN__ $argv:q
        exit $status
endsw
# include shell/activation.csh
