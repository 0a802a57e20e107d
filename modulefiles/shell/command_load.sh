# Defines the function `conda`, or `mamba`. The user's alias of that name would be expanded instead of it, and a
# function would be lost, so both are put aside; the unload restores them (command_unload.sh).
if __se_before=$(alias __NAME__ 2>/dev/null) && [ -n "$__se_before" ]; then
    # The shell prints it in a form that it can read again (POSIX, alias); bash puts the word alias in front.
    __OWN_ALIAS__=${__se_before#alias }
    unalias __NAME__
    if [ -t 2 ]; then printf '%s\n' __OWN_NAME_MESSAGE__ >&2; fi
fi
# dash cannot print functions, and ksh93 prints wrong text for a function from a sourced file (93u+m 1.0.4).
# shellcheck disable=SC3044
case ${KSH_VERSION-} in
    Version*) __se_before= ;;
    *) __se_before=$(typeset -f __NAME__ 2>/dev/null || :) ;;
esac
# The function of another conda is restored with the rest of that conda (unload.sh); for mamba there is no such code.
# shellcheck disable=SC3044
case ${__PRIOR__-clean}:$__se_before in
    *__se_code* | *:) ;;
    clean:*)
        __OWN_FUNCTION__=$__se_before
        # Only in bash do child processes inherit functions.
        case $(declare -pF __NAME__ 2>/dev/null || :) in
            "declare -fx"*)
                __OWN_FUNCTION__="$__se_before
export -f __NAME__"
                ;;
        esac
        if [ -t 2 ]; then printf '%s\n' __OWN_NAME_MESSAGE__ >&2; fi
        ;;
esac
unset __se_before
eval __FUNCTION__
