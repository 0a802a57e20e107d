# At the unload, and at a reload, which puts them aside again: the user's own function and alias `conda`.
unset -f conda 2>/dev/null || :
if [ -n "${_STACKENV_CONDA_FUNCTION-}" ]; then
    eval "$_STACKENV_CONDA_FUNCTION"
fi
if [ -n "${_STACKENV_CONDA_ALIAS-}" ]; then
    eval "alias $_STACKENV_CONDA_ALIAS"
fi
unset _STACKENV_CONDA_ALIAS _STACKENV_CONDA_FUNCTION
