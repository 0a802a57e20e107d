# What the user types another day, in a fresh shell.
set -eu
module() { eval "$("$LMOD_CMD" bash "$@")"; }
ml() { case "$1" in use | purge | unload | list) module "$@" ;; *) module load "$@" ;; esac; }
say() {
    printf '\n$ %s\n' "$*"
    eval "$*" 2>&1
}
printf '\n=== Another day, in a fresh shell ===\n'
cd "$HOME"
say 'ml use ~/modules; ml biopy'
say "python -c 'import Bio, numpy; print(Bio.__file__); print(numpy.__file__)'"
case $(python -c 'import Bio, numpy; print(Bio.__file__, numpy.__file__)') in
"$HOME"/venvs/biopy-1.0/*" $STACK_SOFTWARE"/SciPy-bundle/*) ;;
*)
    printf 'Bio should be of the environment, numpy of the module.\n' >&2
    exit 1
    ;;
esac
say 'pip install numpy==2.1.1 2>&1 | head -n 6'
say 'deactivate'
say 'command -v python || echo "no python any more"'
