# For bash, so that child processes have the function too. If conda's own conda.sh is sourced later, it redefines
# `conda`, and bash exports that: so the helpers that it calls are marked for export now, while they are still empty.
export -f conda
if [ "${STACKENV_CONDA_BEFORE-}" = clean ]; then
    declare -F __conda_activate >/dev/null || __conda_activate() { :; }
    declare -F __conda_reactivate >/dev/null || __conda_reactivate() { :; }
    declare -F __conda_exe >/dev/null || __conda_exe() { :; }
    declare -F __conda_hashr >/dev/null || __conda_hashr() { :; }
    export -f __conda_activate __conda_reactivate __conda_exe __conda_hashr
fi
