# The command `conda` of tcsh and csh, sourced by an alias of that name.
if ( $#argv == 0 ) then
    __PYTHON__ -I __CONDA__
    exit $status
endif
# A module that was loaded after the activation may have come in front of the environment.
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
        # tcsh looks up the variables of a line before it tests its condition.
        set __se_prefix = ""
        if ( $?CONDA_PREFIX ) then
            set __se_prefix = $CONDA_PREFIX:q
        endif
        if ( $?STACKENV_CONDA_ENV ) then
            if ( $STACKENV_CONDA_ENV:q == $__se_prefix:q ) set __se_prefix = ""
        endif
        set __se_seen = ""
        if ( $?STACKENV_PYTHONPATH_SEEN ) then
            set __se_seen = $STACKENV_PYTHONPATH_SEEN:q
        endif
        if ( $?PYTHONPATH && $__se_prefix:q != "" && __OPTIONS__ =~ *hide-modules* ) then
            if ( $PYTHONPATH:q != "" && $PYTHONPATH:q != $__se_seen:q ) then
                __PYTHON__ __FLAGS__ __ACTIVATION__ csh __OPTIONS__ notice
            endif
        endif
        unset __se_seen __se_prefix
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
        # What runs at activation may have been installed or removed just now.
        set __se_arguments = ( reactivate )
        breaksw
    case shell.*:
        unset __se_arguments
        # conda's hook would set up what this alias is.
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
if ( $?prompt ) then
    setenv STACKENV_PROMPT "=$prompt:q"
endif
# Words do not survive a command substitution of csh: they go by the environment.
set __se_number = 0
foreach __se_argument ( $__se_arguments:q )
    @ __se_number++
    setenv STACKENV_ARGUMENT_$__se_number $__se_argument:q
end
set __se_code = ( "`__PYTHON__ __FLAGS__ __ACTIVATION__ csh __OPTIONS__`" )
set __se_status = $status
unsetenv STACKENV_PROMPT
unsetenv STACKENV_ARGUMENT_*
unset __se_arguments __se_argument __se_number
if ( $__se_status != 0 ) then
    unset __se_code
    # Not `exit` in eval: tcsh 6.24 goes on behind it in a sourced file of over 4,096 bytes, as with a long prefix.
    eval "unset __se_status; /bin/sh -c 'exit $__se_status'"
    exit $status
endif
# The variables go first: a package's script may end the evaluation.
eval "unset __se_code __se_status; $__se_code:q"
rehash
exit 0
