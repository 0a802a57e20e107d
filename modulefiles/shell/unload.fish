# Runs at the end of every unload. After a reload, when the module is loaded again, this does nothing.
if test "$STACKENV_CONDA_ROOT" != __ROOT__
    set -l __se_level 0
    set -l __se_before clean
    if set -q STACKENV_CONDA_BEFORE
        set __se_before $STACKENV_CONDA_BEFORE
    end
    if test "$__se_before" != clean
        set __se_level (string split -m 1 : -- $__se_before)[1]
        test -n "$__se_level"
        or set __se_level 0
    end
    # The first environment belongs to a personal module that is still loaded.
    set -q STACKENV_CONDA_ENV
    and set __se_level 1
    set -l __se_interactive
    status is-interactive
    and set __se_interactive =
    set -l __se_command deactivate
    while test "$CONDA_SHLVL" -gt "$__se_level" 2>/dev/null
        set -l __se_was $CONDA_SHLVL
        set -lx STACKENV_PROMPT $__se_interactive
        set -l __se_code (__PYTHON__ __FLAGS__ __ACTIVATION__ fish __OPTIONS__ $__se_command)
        and string join \n -- $__se_code | source
        # conda failed, or did nothing: try again without it.
        if test "$CONDA_SHLVL" = "$__se_was"
            if test $__se_command = leave
                break
            end
            set __se_command leave
        end
    end
    # An environment was left with the functions of conda itself, which do not restore what was put aside.
    if set -q STACKENV_USER_SITE; or set -q STACKENV_PIP_GUARD; or set -q STACKENV_PIP_USER
        or set -q STACKENV_HIDDEN_STATE; or set -q STACKENV_VENV_ASIDE
        __PYTHON__ __FLAGS__ __ACTIVATION__ fish __OPTIONS__ bring-back | source
    end
    if test "$__se_before" = clean
        # In conda 25.7 and later, a deactivation with its own functions leaves some of these empty.
        if not set -q STACKENV_CONDA_ENV
            for __se_name in (set -xn | string match -r '^CONDA_(?:SHLVL|PREFIX|PREFIX_\d+|DEFAULT_ENV|PROMPT_MODIFIER)$')
                set -e $__se_name
            end
        end
        set -e _CE_M
        set -e _CE_CONDA
        set -e _CONDA_ROOT
        set -e _CONDA_EXE
        if not set -q STACKENV_CONDA_ROOT
            set -e CONDA_EXE
            set -e CONDA_PYTHON_EXE
        end
        # Remove what the hook of conda itself leaves behind, if a script has run it.
        for __se_side in fish_prompt fish_right_prompt
            set -l __se_own (string replace fish_ __fish_ -- $__se_side)_orig
            if functions -q $__se_own
                functions -e $__se_side
                # If there was no such function, the one that the hook of conda has made is empty.
                if test (functions $__se_own | string match -rv '^\s*(#.*)?$' | count) -gt 2
                    functions -c $__se_own $__se_side
                end
                functions -e $__se_own
            end
        end
        functions -e __conda_add_prompt return_last_status
        set -l __se_list $PATH
        for __se_entry in __ROOT__/bin __ROOT__/condabin
            # include shell/remove_entry.fish
        end
        test (count $__se_list) = (count $PATH)
        or set -gx PATH $__se_list
    else if not set -q STACKENV_CONDA_ROOT
        # Another conda was set up in this shell, and its function was replaced: restore it.
        set -l __se_other (string split -m 2 : -- $__se_before)[2]
        if test -n "$__se_other"
            set -gx CONDA_EXE $__se_other
            set -gx CONDA_PYTHON_EXE (string replace -r '/conda$' /python -- $__se_other)
            set -l __se_hook (string replace -r '/bin/conda$' /etc/fish/conf.d/conda.fish -- $__se_other)
            if test -r "$__se_hook"
                source $__se_hook
            end
        end
    end
    if not set -q STACKENV_CONDA_ROOT
        set -e STACKENV_CONDA_BEFORE
    end
    true
end
