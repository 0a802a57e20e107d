# See mamba_unload.sh.
if set -q _STACKENV_MAMBA_KEPT
    set -e _STACKENV_MAMBA_KEPT
else
    set -l __se_program (string escape --style=regex -- __MAMBA__)
    string match -q -- __ROOT__'/*' "$MAMBA_EXE"
    and set -a __se_program MAMBA_EXE
    set -l __se_found
    for __se_name in mamba micromamba
        # If the variable names another program, the function is that of the user's own micromamba.
        if functions $__se_name 2>/dev/null | string match -qr -- (string join '|' -- $__se_program)
            functions -e $__se_name
            set __se_found $__se_name
        end
    end
    if set -q __se_found[1]
        for __se_name in (functions -a -n | string match -r '^__fish_mamba_\w+$|^__mamba_add_prompt$')
            functions -e $__se_name
        end
        set -e MAMBA_SHLVL
    end
    set -e __se_name
    string match -q -- __ROOT__'/*' "$MAMBA_EXE"
    and set -e MAMBA_EXE
    test "$MAMBA_ROOT_PREFIX" = __ROOT__
    and not set -q _STACKENV_MAMBA_ROOT_KEPT
    and set -e MAMBA_ROOT_PREFIX
end
set -e _STACKENV_MAMBA_ROOT_KEPT
true
