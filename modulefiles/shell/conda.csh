# The command `conda` of tcsh and csh, sourced by an alias of that name.
if ( $#argv == 0 ) then
    __PYTHON__ -I __CONDA__
    exit $status
endif
switch ( $argv[1]:q )
    case activate:
    case deactivate:
    case init:
    case install:
    case update:
    case upgrade:
    case remove:
    case uninstall:
    case shell.*:
        breaksw
    default:
        # include shell/late_modules.csh
endsw
set __se_arguments = ( $argv:q )
switch ( $argv[1]:q )
    case activate:
    case deactivate:
        breaksw
    case init:
        unset __se_arguments
        __CONDA_INIT__ $argv:q
        exit $status
    case run:
    case env:
    case create:
    case rename:
    case -*:
        unset __se_arguments
        __CONDA_RUN__ $argv:q
        exit $status
    case install:
    case update:
    case upgrade:
    case remove:
    case uninstall:
        unset __se_arguments
        __CONDA_RUN__ $argv:q
        if ( $status != 0 ) exit $status
        if ( ! $?CONDA_SHLVL ) exit 0
        if ( $CONDA_SHLVL == 0 ) exit 0
        # The command may have installed or removed activation scripts.
        set __se_arguments = ( reactivate )
        breaksw
    case shell.*:
        unset __se_arguments
        # This alias already does what the hook of conda would set up.
        if ( $#argv > 1 ) then
            if ( $argv[2]:q == hook ) exit 0
        endif
        __PYTHON__ -I __CONDA__ $argv:q
        exit $status
    default:
        unset __se_arguments
        __PYTHON__ -I __CONDA__ $argv:q
        exit $status
endsw
# include shell/activation.csh
