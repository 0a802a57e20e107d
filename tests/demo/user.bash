# What a user types, in bash.
set -eu
module() { eval "$("$LMOD_CMD" bash "$@")"; }
say() {
    printf '\n$ %s\n' "$*"
    eval "$*" 2>&1
}
environment() { env | LC_ALL=C sort | grep -v -e '^_=' -e '^_ModuleTable' -e '^__LMOD' -e '^SHLVL='; }
printf '\n=== A user, in bash ===\n'
cd "$HOME"
unset STACKENV_SITE_CONFIG EB_PYTHON
say 'module use $EASYBUILD_PREFIX/modules/all'
before=$(environment; declare -F)
say 'module load Anaconda3'
say 'conda create --quiet --yes --name pandas python pandas 2>&1 | tail -n 4'
say 'conda activate pandas'
say 'command -v python'
say 'python -c "import sys; print(sys.prefix)"'
say 'bash -c "conda activate pandas && command -v python"    # a script of the user'
say 'sh -c "conda activate pandas" || echo "status $?"        # a shell without the function'
say 'conda init bash || echo "status $?"'
say 'conda deactivate'
say 'conda activate pandas'
say 'module unload Anaconda3                                  # with the environment active'
say 'command -v conda || echo "no conda any more"'
after=$(environment; declare -F)
if [ "$before" != "$after" ]; then
    printf 'The unload left a trace:\n' >&2
    diff <(printf '%s\n' "$before") <(printf '%s\n' "$after") >&2
    exit 1
fi
printf '\nEnvironment and functions after the unload are those before the load: %s variables compared.\n' \
    "$(environment | wc -l)"
