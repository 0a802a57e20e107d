# Defines the function `conda`, or `mamba`: an alias of that name would be expanded instead of it, and a
# function would be lost. Both come back at the unload (command_unload.sh).
if __se_before=$(alias __NAME__ 2>/dev/null) && [ -n "$__se_before" ]; then
    # As the shell prints it for itself to read again (POSIX, alias); bash puts the word alias in front.
    __OWN_ALIAS__=${__se_before#alias }
    unalias __NAME__
    if [ -t 2 ]; then printf '%s\n' __OWN_NAME_MESSAGE__ >&2; fi
fi
# dash does not show functions, and ksh93 shows parts of another text for one of a sourced file (93u+m 1.0.4).
# shellcheck disable=SC3044
case ${KSH_VERSION-} in
    Version*) __se_before= ;;
    *) __se_before=$(typeset -f __NAME__ 2>/dev/null || :) ;;
esac
# The function of another conda comes back with all else of that conda (unload.sh); a mamba has no such thing.
# shellcheck disable=SC3044
case ${__PRIOR__-clean}:$__se_before in
    *__se_code* | *:) ;;
    clean:*)
        __OWN_FUNCTION__=$__se_before
        # bash alone has functions that its children inherit.
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
