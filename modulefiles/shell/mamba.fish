# The function `mamba` of fish. See mamba.sh.
function mamba
    switch "$argv[1]/$argv[2]"
        case '*/-h' '*/--help'
            __RUN__ $argv
            return
        case 'activate/*' 'deactivate/*' 'reactivate/*'
        case 'install/*' 'update/*' 'upgrade/*' 'remove/*' 'uninstall/*' env/update
            __RUN__ $argv
            or return
            # The command may have installed or removed activation scripts.
            test "$CONDA_SHLVL" -gt 0 2>/dev/null
            or return 0
            set argv reactivate
        case shell/hook 'shell.*/hook'
            # mamba shell hook --shell fish | source: this function already does what the hook would set up.
            return 0
        case '*'
            # include shell/late_modules.fish
            __RUN__ $argv
            return
    end
    # include shell/activation.fish
end
