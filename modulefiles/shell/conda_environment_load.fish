# After a load. See conda_environment_load.sh for the reasons.
if not functions -q deactivate
    function deactivate
        if test "$argv[1]" != nondestructive
            module unload $_STACKENV_DEACTIVATE
        end
    end
    set -g _STACKENV_DEACTIVATE __MODULE__
end
