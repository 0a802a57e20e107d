# After a load. See personal_load.sh for the reasons.
if set -q _OLD_VIRTUAL_PATH
    if set -q STACKENV_VENV_BEFORE; and test "$STACKENV_VENV_BEFORE" != "$VIRTUAL_ENV"
        set -gx _OLD_VIRTUAL_PATH (string match -v -- "$STACKENV_VENV_BEFORE/bin" $PATH)
    else
        set -gx _OLD_VIRTUAL_PATH $PATH
    end
end
set -g _STACKENV_VENV $VIRTUAL_ENV
if not functions -q deactivate
    function deactivate
        if test "$argv[1]" != nondestructive
            module unload $_STACKENV_DEACTIVATE
        end
    end
    set -g _STACKENV_DEACTIVATE __MODULE__
end
