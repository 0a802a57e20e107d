# The part of an unload that fits in one line. The load keeps it, because the environment's folder, and unload.csh with
# it, may be deleted later. The eval is needed: tcsh expands the variables of a line before it tests its condition.
if ( $?_STACKENV_DEACTIVATE ) eval 'if ( "`alias deactivate`" == "$_STACKENV_DEACTIVATE" ) unalias deactivate'
if ( $?_STACKENV_PRECMD ) eval 'if ( "`alias precmd`" == "$_STACKENV_PRECMD" ) unalias precmd'
unset _STACKENV_DEACTIVATE _STACKENV_VENV _STACKENV_VENV_PROMPT _STACKENV_LOAD _STACKENV_PRECMD _STACKENV_UNLOAD
if ( ! $?STACKENV_CONDA_ENV ) unsetenv STACKENV_CONDA_BASE
