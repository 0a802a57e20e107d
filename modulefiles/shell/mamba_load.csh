# See mamba_load.sh. tcsh expands the variables of a line before it tests its condition.
if ( $?MAMBA_EXE ) eval 'if ( "$MAMBA_EXE" == '__MAMBA__' ) set _STACKENV_MAMBA_KEPT'
if ( $?MAMBA_ROOT_PREFIX ) eval 'if ( "$MAMBA_ROOT_PREFIX" == '__ROOT__' ) set _STACKENV_MAMBA_ROOT_KEPT'
