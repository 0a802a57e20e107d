# shellcheck shell=bash
# Not mamba's own etc/profile.d/mamba.sh, but a stand-in that leaves the same in a shell.
export MAMBA_EXE='@PREFIX@/bin/mamba'
export MAMBA_ROOT_PREFIX='@PREFIX@'
__mamba_setup="$("$MAMBA_EXE" shell hook --shell bash --root-prefix "$MAMBA_ROOT_PREFIX")"
eval "$__mamba_setup"
unset __mamba_setup
__mamba_exe() (
    "${MAMBA_EXE}" "${@}"
)
