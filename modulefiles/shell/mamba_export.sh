# For bash, so that child processes have the function too. See conda_export.sh: mamba's own hook redefines `mamba`.
export -f mamba
if ! declare -F __mamba_exe >/dev/null; then
    __mamba_exe() { : __se_code; }
    __mamba_wrap() { : __se_code; }
    __mamba_xctivate() { : __se_code; }
    __mamba_hashr() { : __se_code; }
    export -f __mamba_exe __mamba_wrap __mamba_xctivate __mamba_hashr
    _STACKENV_MAMBA_EXPORTED=yes
fi
