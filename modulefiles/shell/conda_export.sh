# For bash: its children have the function too. conda's own conda.sh, sourced later, gives `conda` other contents and
# bash exports those: the helpers that they call must then be exported too, so they get the mark now, while empty.
export -f conda
if [ "${STACKENV_CONDA_BEFORE-}" = clean ]; then
    declare -F __conda_activate >/dev/null || __conda_activate() { :; }
    declare -F __conda_reactivate >/dev/null || __conda_reactivate() { :; }
    declare -F __conda_exe >/dev/null || __conda_exe() { :; }
    declare -F __conda_hashr >/dev/null || __conda_hashr() { :; }
    export -f __conda_activate __conda_reactivate __conda_exe __conda_hashr
fi
