# The function `conda` of fish.
function conda
    # A module that was loaded after the activation may have come in front of the environment.
    switch "$argv[1]"
        case activate deactivate init install update upgrade remove uninstall 'shell.*'
        case '*'
            if string match -q '*hide-modules*' -- __OPTIONS__; and test -n "$CONDA_PREFIX" -a -n "$PYTHONPATH"
                if test "$PYTHONPATH" != "$STACKENV_PYTHONPATH_SEEN" -a "$CONDA_PREFIX" != "$STACKENV_CONDA_ENV"
                    __PYTHON__ __FLAGS__ __ACTIVATION__ fish __OPTIONS__ notice
                end
            end
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
            # What runs at activation may have been installed or removed just now.
            test "$CONDA_SHLVL" -gt 0 2>/dev/null
            or return 0
            set argv reactivate
        case 'shell.*'
            # conda shell.fish hook | source: this function is what the hook would set up.
            test "$argv[2]" = hook
            and return 0
            __PYTHON__ -I __CONDA__ $argv
            return
        case '*'
            __PYTHON__ -I __CONDA__ $argv
            return
    end
    status is-interactive
    and set -lx STACKENV_PROMPT =
    set -l __se_code (__PYTHON__ __FLAGS__ __ACTIVATION__ fish __OPTIONS__ $argv)
    or return
    string join \n -- $__se_code | source
    return 0
end
