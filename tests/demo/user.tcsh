# What a user types, in tcsh.
echo ""
echo "=== The same in tcsh ==="
alias module 'eval `$LMOD_CMD tcsh \!*`'
alias say 'echo ""; echo "> "\!:1; eval \!:1'
cd "$HOME"
unsetenv STACKENV_SITE_CONFIG
unsetenv EB_PYTHON
module use $EASYBUILD_PREFIX/modules/all
env | sort | egrep -v '^(_|__LMOD|_ModuleTable|SHLVL)' > "$DEMO/before"
say "module load Anaconda3"
say "conda activate pandas"
if ( $status != 0 ) exit 1
say "which python"
say "module unload Anaconda3"
say "env | grep -c conda"
env | sort | egrep -v '^(_|__LMOD|_ModuleTable|SHLVL)' > "$DEMO/after"
cmp "$DEMO/before" "$DEMO/after" || exit 1
echo ""
echo "No trace here either."
