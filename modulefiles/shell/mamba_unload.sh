# Removes what mamba's own hook, or ROOT/etc/profile.d/mamba.sh, has set if it ran after the load. The functions of the
# user's own micromamba have the same names, and stay.
if [ -n "${_STACKENV_MAMBA_KEPT-}" ]; then
    unset _STACKENV_MAMBA_KEPT
else
    # shellcheck disable=SC3044
    case ${KSH_VERSION-} in
        Version*) __se_before= ;;
        *) __se_before=$(typeset -f __mamba_exe 2>/dev/null || :) ;;
    esac
    case $__se_before:${MAMBA_EXE-} in
        *__MAMBA__*:* | *__se_code*:* | *MAMBA_EXE*:__ROOT__/* | :__ROOT__/*)
            # shellcheck disable=SC3044
            case $(typeset -f mamba 2>/dev/null || :) in *__mamba_*) unset -f mamba ;; esac
            # shellcheck disable=SC3044
            if [ -n "${BASH_VERSION-}" ]; then complete -r mamba 2>/dev/null || :; fi
            unset -f __mamba_exe __mamba_hashr __mamba_xctivate __mamba_wrap _umamba_bash_completions \
                _umamba_zsh_completions 2>/dev/null || :
            unset __exe_name
            # If MAMBA_ROOT_PREFIX is not set, the hook puts this folder first on PATH.
            __se_list=$PATH __se_entry=/condabin
            # include shell/remove_entry.sh
            PATH=$__se_list
            unset __se_list __se_entry
            ;;
    esac
    case ${MAMBA_EXE-} in __ROOT__/*) unset MAMBA_EXE ;; esac
    case ${_STACKENV_MAMBA_ROOT_KEPT-}:${MAMBA_ROOT_PREFIX-} in :__ROOT__) unset MAMBA_ROOT_PREFIX ;; esac
    unset __se_before
fi
unset _STACKENV_MAMBA_ROOT_KEPT
if [ -n "${_STACKENV_MAMBA_EXPORTED-}" ]; then
    # Unset the functions that no hook has replaced; the others belong to a micromamba, so stop exporting them.
    for __se_name in __mamba_exe __mamba_wrap __mamba_xctivate __mamba_hashr; do
        # shellcheck disable=SC2163,SC3044,SC3045
        case $(typeset -f "$__se_name" || :) in
            '') ;;
            *__se_code*) unset -f "$__se_name" ;;
            *) export -fn "$__se_name" ;;
        esac
    done
    unset __se_name _STACKENV_MAMBA_EXPORTED
fi
