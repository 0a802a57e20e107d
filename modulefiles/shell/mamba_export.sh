# For bash: its children have the function too. See conda_export.sh: mamba's own hook gives `mamba` other contents.
export -f mamba
declare -F __mamba_wrap >/dev/null || { __mamba_wrap() { : __se_code; } && export -f __mamba_wrap; }
declare -F __mamba_exe >/dev/null || { __mamba_exe() { : __se_code; } && export -f __mamba_exe; }
declare -F __mamba_xctivate >/dev/null || { __mamba_xctivate() { : __se_code; } && export -f __mamba_xctivate; }
declare -F __mamba_hashr >/dev/null || { __mamba_hashr() { : __se_code; } && export -f __mamba_hashr; }
