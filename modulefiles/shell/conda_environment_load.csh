# After a load, sourced by csh and tcsh. See conda_environment_load.sh for the reasons.
set _STACKENV_UNLOAD = __UNLOAD__
if ( "`alias deactivate`" == "" ) then
    alias deactivate module unload __MODULE__
    set _STACKENV_DEACTIVATE = "`alias deactivate`"
endif
