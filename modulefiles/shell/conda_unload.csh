# At the unload, and at a reload: the user's own alias `conda`. tcsh looks up the variables of a line before it tests
# its condition.
unalias conda
if ( ! $?_STACKENV_CONDA_ALIAS ) set _STACKENV_CONDA_ALIAS
if ( "$_STACKENV_CONDA_ALIAS" != "" ) alias conda "$_STACKENV_CONDA_ALIAS"
unset _STACKENV_CONDA_ALIAS
