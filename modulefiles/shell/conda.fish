# The function `conda` of fish.
function conda
    switch "$argv[1]"
        case activate deactivate init install update upgrade remove uninstall 'shell.*'
        case '*'
            # include shell/late_modules.fish
    end
    switch "$argv[1]"
        case activate deactivate
        case init
            __CONDA_INIT__ $argv
            return
        case run env create rename '-*'
            __CONDA_RUN__ $argv
            return
        case install update upgrade remove uninstall
            __CONDA_RUN__ $argv
            or return
            # The command may have installed or removed activation scripts.
            test "$CONDA_SHLVL" -gt 0 2>/dev/null
            or return 0
            set argv reactivate
        case 'shell.*'
            # conda shell.fish hook | source: this function already does what the hook would set up.
            test "$argv[2]" = hook
            and return 0
            __PYTHON__ -I __CONDA__ $argv
            return
        case '*'
            __PYTHON__ -I __CONDA__ $argv
            return
    end
    # include shell/activation.fish
end
