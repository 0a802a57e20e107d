# Of an unload what can be said in one line, which the load keeps: the environment's folder may have gone since, and
# unload.csh with it. In quotes: tcsh looks up the variables of a line before it tests its condition.
if ( $?_STACKENV_DEACTIVATE ) eval 'if ( "`alias deactivate`" == "$_STACKENV_DEACTIVATE" ) unalias deactivate'
if ( $?_STACKENV_PRECMD ) eval 'if ( "`alias precmd`" == "$_STACKENV_PRECMD" ) unalias precmd'
unset _STACKENV_DEACTIVATE _STACKENV_VENV _STACKENV_VENV_PROMPT _STACKENV_LOAD _STACKENV_PRECMD _STACKENV_UNLOAD
if ( ! $?STACKENV_CONDA_ENV ) unsetenv STACKENV_CONDA_BASE
