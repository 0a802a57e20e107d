# The function `mamba` of bash, zsh, ksh93, mksh and dash. Commands that change the shell work as in `conda`; the
# program does everything else.
mamba() {
    case "${1-}/${2-}" in
        */-h | */--help)
            __RUN__ "$@"
            return
            ;;
        activate/* | deactivate/* | reactivate/*) ;;
        install/* | update/* | upgrade/* | remove/* | uninstall/* | env/update)
            __RUN__ "$@" || return
            # The command may have installed or removed activation scripts.
            case "${CONDA_SHLVL:-0}" in 0) return 0 ;; esac
            set -- reactivate
            ;;
        shell/hook | shell.*/hook)
            # eval "$(mamba shell hook --shell bash)": this function already does what the hook would set up.
            return 0
            ;;
        *)
            # include shell/late_modules.sh
            __RUN__ "$@"
            return
            ;;
    esac
    # include shell/activation.sh
}
