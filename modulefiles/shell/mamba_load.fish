# See mamba_load.sh.
string match -q -- __ROOT__'/*' "$MAMBA_EXE"
and set -g _STACKENV_MAMBA_KEPT yes
test "$MAMBA_ROOT_PREFIX" = __ROOT__
and set -g _STACKENV_MAMBA_ROOT_KEPT yes
