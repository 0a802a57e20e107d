# See late_modules.sh.
# tcsh expands the variables of a line before it tests its condition.
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
