# At an unload, or a reload, which puts them aside again, restores the user's own function and alias `conda`, or
# `mamba`. A function that is neither ours nor conda's own was defined by the user after the load, and stays; dash and
# ksh93 cannot reliably print functions.
# shellcheck disable=SC3044
case ${KSH_VERSION-} in
    Version*) __se_before= ;;
    *) __se_before=$(typeset -f __NAME__ 2>/dev/null || :) ;;
esac
case $__se_before in
    "" | *__se_code* | *CONDA_EXE* | *__conda_exe*)
        unset -f __NAME__ 2>/dev/null || :
        if [ -n "${__OWN_FUNCTION__-}" ]; then
            eval "$__OWN_FUNCTION__"
        fi
        ;;
esac
if [ -n "${__OWN_ALIAS__-}" ]; then
    eval "alias $__OWN_ALIAS__"
fi
unset __OWN_ALIAS__ __OWN_FUNCTION__ __se_before
