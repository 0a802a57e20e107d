# After a load. See personal_load.sh for the reasons.
if set -q _OLD_VIRTUAL_PATH
    set -l __se_list $PATH
    if set -q STACKENV_VENV_BEFORE; and test "$STACKENV_VENV_BEFORE" != "$VIRTUAL_ENV"
        set -l __se_entry "$STACKENV_VENV_BEFORE/bin"
        # include shell/remove_entry.fish
    end
    set -gx _OLD_VIRTUAL_PATH $__se_list
end
set -g _STACKENV_UNLOAD __UNLOAD__
set -g _STACKENV_VENV $VIRTUAL_ENV
set -g _STACKENV_VENV_PROMPT $VIRTUAL_ENV_PROMPT
if not functions -q deactivate
    set -g _STACKENV_DEACTIVATE __MODULE__
    function __stackenv_deactivate
        function deactivate
            if test "$argv[1]" != nondestructive
                module unload $_STACKENV_DEACTIVATE
            end
        end
    end
    __stackenv_deactivate
    # When an activate script sets the variable, it has already replaced our `deactivate` with its own.
    function __stackenv_other --on-variable VIRTUAL_ENV
        if functions -q deactivate; and functions deactivate | string match -q '*_OLD_VIRTUAL_PATH*'
            functions -e __stackenv_script
            functions -c deactivate __stackenv_script
            function deactivate
                __stackenv_script $argv
                if test "$argv[1]" != nondestructive
                    functions -e __stackenv_script
                    set -gx VIRTUAL_ENV $_STACKENV_VENV
                    set -gx VIRTUAL_ENV_PROMPT $_STACKENV_VENV_PROMPT
                    __stackenv_deactivate
                end
            end
        end
    end
end
