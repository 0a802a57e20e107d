# The load test of a modulefile in bash, zsh, ksh, mksh and dash: load, run what it brings, unload. The file `step`
# says where it is; `before` and `after` hold the environment, NUL by NUL.
module() { eval "$(__LMOD__ __SHELL__ "$@")"; }
check() { printf '%s' "$1" > step; shift; "$@" || exit 1; }
# A program of that name may be on the admin's own PATH.
gone() {
    case "$(command -v "$1")" in "$1" | alias*) echo "$1 is still there" >&2; return 1 ;; esac
    return 0
}
mamba=__MAMBA__
env -0 > before
check 'module load' module load __MODULE__
if [ -n __PYTHON__ ]; then
    for name in conda ${mamba:+"$mamba"}; do
        check "$name activate base" "$name" activate base
        check 'python of the base' test "$(command -v python)" = __PYTHON__
        check "python -c ''" python -c ''
        check "$name deactivate" "$name" deactivate
    done
    check 'conda activate base, again' conda activate base
fi
if [ -n __COMMAND__ ]; then
    check 'the command' test "$(command -v stackenv)" = __COMMAND__
    check 'stackenv site check' stackenv site check
fi
check 'module unload' module unload __MODULE__
env -0 > after
if [ -n __PYTHON__ ]; then
    for name in conda ${mamba:+"$mamba"}; do check "no $name after unload" gone "$name"; done
fi
