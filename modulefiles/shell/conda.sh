# The function `conda` of bash, zsh, ksh93, mksh and dash. No `local`: ksh93 has none.
conda() {
    # A module that was loaded after the activation may have come in front of the environment.
    case "${1-}" in
        activate | deactivate | init | install | update | upgrade | remove | uninstall | shell.*) ;;
        *)
            case "${CONDA_PREFIX:+${PYTHONPATH-}}" in
                "" | "${STACKENV_PYTHONPATH_SEEN-}") ;;
                *)
                    case ${STACKENV_CONDA_ENV-}:__OPTIONS__ in
                        "$CONDA_PREFIX":*) ;;
                        *hide-modules*) __PYTHON__ __FLAGS__ __ACTIVATION__ sh __OPTIONS__ notice || : ;;
                    esac
                    ;;
            esac
            ;;
    esac
    case "${1-}" in
        activate | deactivate) ;;
        init)
            __CONDA_INIT__ "$@"
            return
            ;;
        run | env | create | rename | -*)
            __CONDA_RUN__ "$@"
            return
            ;;
        install | update | upgrade | remove | uninstall)
            __CONDA_RUN__ "$@" || return
            # What runs at activation may have been installed or removed just now.
            case "${CONDA_SHLVL:-0}" in 0) return 0 ;; esac
            set -- reactivate
            ;;
        shell.*)
            # eval "$(conda shell.bash hook)": this function is what the hook would set up.
            case "${2-}" in hook) return 0 ;; esac
            __PYTHON__ -I __CONDA__ "$@"
            return
            ;;
        *)
            __PYTHON__ -I __CONDA__ "$@"
            return
            ;;
    esac
    __se_code=$(STACKENV_PROMPT="${PS1+=$PS1}" __PYTHON__ __FLAGS__ __ACTIVATION__ sh __OPTIONS__ "$@") || {
        set -- "$?"
        unset __se_code
        return "$1"
    }
    # Packages' activation scripts read unset variables, and fail. `|| :` is for zsh's err_return, which
    # $- does not show; dash heeds -e behind it too.
    __se_flags=$-
    set +eu
    eval "$__se_code" || :
    case $__se_flags in *e*) set -e ;; esac
    case $__se_flags in *u*) set -u ;; esac
    unset __se_code __se_flags
}
