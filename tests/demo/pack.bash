# What the user types when the environment has too many files, in bash.
set -eu
module() { eval "$("$LMOD_CMD" bash "$@")"; }
ml() { case "$1" in use | purge | unload | list) module "$@" ;; *) module load "$@" ;; esac; }
say() {
    printf '\n$ %s\n' "$*"
    eval "$*" 2>&1
}
printf '\n=== The environment in one file, behind the same module ===\n'
cd "$HOME"
say 'find venvs/biopy-1.0 -type f | wc -l'
say 'stackenv pack biopy'
say 'find venvs/biopy-1.0 -type f | wc -l'
ml use ~/modules
if [ -w /dev/fuse ]; then
    say 'ml biopy'
    say "python -c 'import Bio, numpy; print(Bio.__file__); print(numpy.__file__)'"
    case $(python -c 'import Bio, numpy; print(Bio.__file__, numpy.__file__)') in
    /tmp/stackenv-*" $STACK_SOFTWARE"/SciPy-bundle/*) ;;
    *)
        printf 'Bio should be of the image, numpy of the module.\n' >&2
        exit 1
        ;;
    esac
    say 'pip install pandas || :'
    say 'ml unload biopy'
else
    printf '\n(This machine has no /dev/fuse that can be used; the load says so:)\n'
    say 'ml biopy || :'
fi
say 'stackenv unpack biopy'
say 'find venvs/biopy-1.0 -type f | wc -l'
