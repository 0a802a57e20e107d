# The function `mamba` of bash, zsh, ksh93, mksh and dash, beside `conda`: what changes the shell is done as there, all
# else by the program.
mamba() {
    case "${1-}/${2-}" in
        */-h | */--help)
            __RUN__ "$@"
            return
            ;;
        activate/* | deactivate/* | reactivate/*) ;;
        install/* | update/* | upgrade/* | remove/* | uninstall/* | env/update)
            __RUN__ "$@" || return
            # What runs at activation may have been installed or removed just now.
            case "${CONDA_SHLVL:-0}" in 0) return 0 ;; esac
            set -- reactivate
            ;;
        shell/hook | shell.*/hook)
            # eval "$(mamba shell hook --shell bash)": this function is what the hook would set up.
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
