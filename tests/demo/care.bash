# What the user types when something has broken, in bash.
set -eu
module() { eval "$("$LMOD_CMD" bash "$@")"; }
say() {
    printf '\n$ %s\n' "$*"
    eval "$*" 2>&1
}
expect() {
    printf '\n$ %s\n' "$2"
    status=0
    eval "$2" 2>&1 || status=$?
    [ "$status" -eq "$1" ] || {
        printf 'The status is %s instead of %s.\n' "$status" "$1" >&2
        exit 1
    }
}
printf '\n=== Two years later: an init block, and a purge of old files ===\n'
cd "$HOME"
cat >>.bashrc <<'BLOCK'
alias ll='ls -l'

# >>> conda initialize >>>
# !! Contents within this block are managed by 'conda init' !!
__conda_setup="$('/gone/miniconda3/bin/conda' 'shell.bash' 'hook' 2> /dev/null)"
if [ $? -eq 0 ]; then
    eval "$__conda_setup"
else
    export PATH="/gone/miniconda3/bin:$PATH"
fi
unset __conda_setup
# <<< conda initialize <<<
BLOCK
rm venvs/biopy-1.0/lib/python3*/site-packages/Bio/__init__.py
expect 1 'stackenv check'
say 'stackenv check --fix --yes'
say 'cat .bashrc'
[ "$(cat .bashrc)" = "alias ll='ls -l'" ] || {
    printf 'Only the block should be gone.\n' >&2
    exit 1
}
printf '\n=== A newer generation of modules, and what is left of the old ===\n'
say "stackenv rebuild biopy -m $NEXT_BUNDLE"
module use ~/modules
module load biopy
say "python -c 'import Bio, numpy; print(Bio.__file__); print(numpy.__version__, numpy.__file__)'"
module unload biopy
say 'stackenv clean --dry-run'
say 'stackenv clean --yes'
say 'stackenv usage'
expect 0 'stackenv check'
