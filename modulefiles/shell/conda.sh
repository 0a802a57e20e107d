# The function `conda` of bash, zsh, ksh93, mksh and dash. No `local`: ksh93 has none.
conda() {
    case "${1-}" in
        activate | deactivate | init | install | update | upgrade | remove | uninstall | shell.*) ;;
        *)
            # include shell/late_modules.sh
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
            # The command may have installed or removed activation scripts.
            case "${CONDA_SHLVL:-0}" in 0) return 0 ;; esac
            set -- reactivate
            ;;
        shell.*)
            # eval "$(conda shell.bash hook)": this function already does what the hook would set up.
            case "${2-}" in hook) return 0 ;; esac
            __PYTHON__ -I __CONDA__ "$@"
            return
            ;;
        *)
            __PYTHON__ -I __CONDA__ "$@"
            return
            ;;
    esac
    # include shell/activation.sh
}
