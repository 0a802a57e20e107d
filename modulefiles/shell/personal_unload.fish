# After an unload. See personal_unload.sh for the reasons.
if set -q _STACKENV_DEACTIVATE
    functions -e __stackenv_other __stackenv_deactivate
    if functions -q deactivate; and functions deactivate | string match -qr '\$_STACKENV_(DEACTIVATE|VENV)'
        functions -e deactivate
        if functions -q __stackenv_script
            functions -c __stackenv_script deactivate
        end
    end
    functions -e __stackenv_script
    set -e _STACKENV_DEACTIVATE
end
if set -q _OLD_VIRTUAL_PATH; and not set -q VIRTUAL_ENV; and set -q _STACKENV_VENV[1]
    set -gx VIRTUAL_ENV $_STACKENV_VENV
end
set -e _STACKENV_VENV _STACKENV_VENV_PROMPT _STACKENV_UNLOAD
if set -q _OLD_VIRTUAL_PATH; and set -q VIRTUAL_ENV
    if not contains -- "$VIRTUAL_ENV/bin" $PATH
        set -gx PATH "$VIRTUAL_ENV/bin" $PATH
    end
    set -l __se_list $PATH
    set -l __se_entry "$VIRTUAL_ENV/bin"
    # include shell/remove_entry.fish
    set -gx _OLD_VIRTUAL_PATH $__se_list
end
