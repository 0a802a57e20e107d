# At the unload, and at a reload, which puts them aside again: the user's own function and alias `conda`.
# What is neither ours nor conda's own was defined by the user after the load, and stays; dash and ksh93 show
# none that can be relied on.
# shellcheck disable=SC3044
case ${KSH_VERSION-} in
    Version*) __se_before= ;;
    *) __se_before=$(typeset -f conda 2>/dev/null || :) ;;
esac
case $__se_before in
    "" | *__se_code* | *CONDA_EXE* | *__conda_exe*)
        unset -f conda 2>/dev/null || :
        if [ -n "${_STACKENV_CONDA_FUNCTION-}" ]; then
            eval "$_STACKENV_CONDA_FUNCTION"
        fi
        ;;
esac
if [ -n "${_STACKENV_CONDA_ALIAS-}" ]; then
    eval "alias $_STACKENV_CONDA_ALIAS"
fi
unset _STACKENV_CONDA_ALIAS _STACKENV_CONDA_FUNCTION __se_before
