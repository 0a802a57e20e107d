# shellcheck shell=sh
# Stands in for conda's own conda.sh (BSD licence), which conda-lock leaves out: the same functions and
# variables, and the same flaws. The \local below fails in ksh as conda's does, and tests rely on it.

__conda_exe() (
    # shellcheck disable=SC2086 # empty in an installed conda, and must vanish then
    "$CONDA_EXE" ${_CE_M-} ${_CE_CONDA-} "$@"
)

__conda_hashr() {
    if [ -n "${ZSH_VERSION:+x}" ]; then
        \rehash
    elif [ -z "${POSH_VERSION:+x}" ]; then
        \hash -r
    fi
}

__conda_activate() {
    # shellcheck disable=SC3043
    \local ask_conda
    ask_conda="$(PS1="${PS1:-}" __conda_exe shell.posix "$@")" || \return
    \eval "$ask_conda"
    __conda_hashr
}

__conda_reactivate() {
    __conda_activate reactivate
}

conda() {
    case "${1-}" in
    activate | deactivate)
        __conda_activate "$@"
        ;;
    install | update | upgrade | remove | uninstall)
        __conda_exe "$@" || \return
        __conda_reactivate
        ;;
    *)
        __conda_exe "$@"
        ;;
    esac
}

if [ -z "${CONDA_SHLVL+x}" ]; then
    CONDA_SHLVL=0
    # shellcheck disable=SC2123 # PATH is meant
    PATH="$(\dirname "$(\dirname "$CONDA_EXE")")/condabin${PATH:+":$PATH"}"
    \export CONDA_SHLVL PATH
    if [ -z "${PS1+x}" ]; then
        PS1=
    fi
fi
