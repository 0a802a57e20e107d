# The same in tcsh.
echo ""
echo "=== And in tcsh ==="
alias module 'eval `$LMOD_CMD tcsh \!*`'
alias say 'echo ""; echo "> "\!:1; eval \!:1'
cd "$HOME"
say "module use ~/modules"
say "module load biopy"
say "which python"
python -c 'import Bio, numpy' || exit 1
say "module unload biopy"
if ( $?VIRTUAL_ENV ) exit 1
