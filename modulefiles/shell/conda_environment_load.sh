# After a load. Never over a function or an alias; a program of that name is conda's own.
case "$(command -v deactivate 2>/dev/null || :)" in
"" | /*)
    deactivate() {
        [ "${1-}" = nondestructive ] || module unload __MODULE__
    }
    _STACKENV_DEACTIVATE=1
    ;;
esac
