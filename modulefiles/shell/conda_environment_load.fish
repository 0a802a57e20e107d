# After a load. See conda_environment_load.sh for the reasons.
if not functions -q deactivate
    function deactivate
        if test "$argv[1]" != nondestructive
            module unload __MODULE__
        end
    end
    set -g _STACKENV_DEACTIVATE 1
end
