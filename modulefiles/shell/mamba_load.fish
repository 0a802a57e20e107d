# See mamba_load.sh.
string match -q -- __ROOT__'/*' "$MAMBA_EXE"
and set -g _STACKENV_MAMBA_KEPT yes
