# What a user types to make a personal module, in bash.
set -eu
module() { eval "$("$LMOD_CMD" bash "$@")"; }
# As Lmod's own: `ml use DIR`, `ml MODULE...`.
ml() { case "$1" in use | purge | unload | list) module "$@" ;; *) module load "$@" ;; esac; }
say() {
    printf '\n$ %s\n' "$*"
    eval "$*" 2>&1
}
printf '\n=== A user makes an environment on the modules of the site ===\n'
cd "$HOME"
say 'ml SciPy-bundle'
say 'python -c "import numpy; print(numpy.__version__, numpy.__file__)"'
say 'stackenv create biopy biopython'
say 'stackenv list'
