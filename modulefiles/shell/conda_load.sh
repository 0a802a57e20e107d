# Defines the function `conda`: an alias of that name would be expanded instead of it, and a
# function would be lost. Both come back at the unload (conda_unload.sh).
if __se_before=$(alias conda 2>/dev/null) && [ -n "$__se_before" ]; then
    # As the shell prints it for itself to read again (POSIX, alias); bash puts the word alias in front.
    _STACKENV_CONDA_ALIAS=${__se_before#alias }
    unalias conda
    if [ -t 2 ]; then printf '%s\n' __OWN_NAME_MESSAGE__ >&2; fi
fi
# dash does not show functions, and ksh93 shows parts of another text for one of a sourced file (93u+m 1.0.4).
# shellcheck disable=SC3044
case ${KSH_VERSION-} in
    Version*) __se_before= ;;
    *) __se_before=$(typeset -f conda 2>/dev/null || :) ;;
esac
# shellcheck disable=SC3044
case ${STACKENV_CONDA_BEFORE-}:$__se_before in
    *__se_code* | *:) ;;
    clean:*)
        _STACKENV_CONDA_FUNCTION=$__se_before
        # bash alone has functions that its children inherit.
        case $(declare -pF conda 2>/dev/null || :) in
            "declare -fx"*)
                _STACKENV_CONDA_FUNCTION="$__se_before
export -f conda"
                ;;
        esac
        if [ -t 2 ]; then printf '%s\n' __OWN_NAME_MESSAGE__ >&2; fi
        ;;
esac
unset __se_before
eval __FUNCTION__
