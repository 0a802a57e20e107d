# If the user has a block of `mamba shell init` for this very mamba, the unload keeps what it sets (mamba_unload.sh).
case ${MAMBA_EXE-} in __ROOT__/*) _STACKENV_MAMBA_KEPT=yes ;; esac
if [ "${MAMBA_ROOT_PREFIX-}" = __ROOT__ ]; then _STACKENV_MAMBA_ROOT_KEPT=yes; fi
