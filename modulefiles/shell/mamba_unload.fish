# See mamba_unload.sh.
if set -q _STACKENV_MAMBA_KEPT
    set -e _STACKENV_MAMBA_KEPT
else
    for __se_name in mamba micromamba
        # With another program in the variable it is a micromamba of the user's own.
        if functions $__se_name 2>/dev/null | string match -q -- '*'__MAMBA__'*'
            functions -e $__se_name
        else if functions $__se_name 2>/dev/null | string match -q '*MAMBA_EXE*'
            string match -q -- __ROOT__'/*' "$MAMBA_EXE"
            and functions -e $__se_name
        end
    end
    if string match -q -- __ROOT__'/*' "$MAMBA_EXE"; or string match -q -- __ROOT__ "$MAMBA_ROOT_PREFIX"
        for __se_name in (functions -a -n | string match -r '^__fish_mamba_\w+$|^__mamba_add_prompt$')
            functions -e $__se_name
        end
        set -e MAMBA_EXE
        set -e MAMBA_ROOT_PREFIX
        set -e MAMBA_SHLVL
    end
    set -e __se_name
end
