# After an unload. See personal_unload.sh for the reasons.
if set -q _STACKENV_DEACTIVATE
    if functions -q deactivate; and functions deactivate | string match -q '*$_STACKENV_DEACTIVATE*'
        functions -e deactivate
    end
    set -e _STACKENV_DEACTIVATE
end
if set -q _OLD_VIRTUAL_PATH; and not set -q VIRTUAL_ENV; and set -q _STACKENV_VENV[1]
    set -gx VIRTUAL_ENV $_STACKENV_VENV
end
set -e _STACKENV_VENV
if set -q _OLD_VIRTUAL_PATH; and set -q VIRTUAL_ENV
    if not contains -- "$VIRTUAL_ENV/bin" $PATH
        set -gx PATH "$VIRTUAL_ENV/bin" $PATH
    end
    set -gx _OLD_VIRTUAL_PATH (string match -v -- "$VIRTUAL_ENV/bin" $PATH)
end
