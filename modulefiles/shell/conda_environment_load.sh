# After a load. See personal_load.sh for the reasons.
case "$(command -v deactivate 2>/dev/null || :)" in
"" | /*)
    _STACKENV_DEACTIVATE=__MODULE__
    # shellcheck disable=SC2016
    eval 'deactivate() { [ "${1-}" = nondestructive ] || module unload "$_STACKENV_DEACTIVATE"; }'
    ;;
esac
