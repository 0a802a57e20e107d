"""The scripts of the load test, one a family of shells: load, activate, run python, leave, unload.

Each writes the step that it is at to the file `step`, and the environment before and after, NUL by
NUL, to the files `before` and `after` of its own folder, the current one.
"""

SH = """\
module() { eval "$(__LMOD__ __SHELL__ "$@")"; }
check() { printf '%s' "$1" > step; shift; "$@" || exit 1; }
# A program of that name may be on the admin's own PATH.
gone() {
    case "$(command -v "$1")" in "$1" | alias*) echo "$1 is still there" >&2; return 1 ;; esac
    return 0
}
env -0 > before
check 'module load' module load __MODULE__
if [ -n __PYTHON__ ]; then
    check 'conda activate base' conda activate base
    check 'python of the base' test "$(command -v python)" = __PYTHON__
    check "python -c ''" python -c ''
    check 'conda deactivate' conda deactivate
    check 'conda activate base, again' conda activate base
fi
check 'module unload' module unload __MODULE__
env -0 > after
if [ -n __PYTHON__ ]; then
    check 'no conda after unload' gone conda
fi
"""

CSH = """\
alias module 'eval `'__LMOD__' tcsh \\!*`'
env -0 > before
printf '%s' 'module load' > step
module load __MODULE__ || exit 1
if ( __PYTHON__ != '' ) then
    printf '%s' 'conda activate base' > step
    conda activate base
    if ( $status != 0 ) exit 1
    printf '%s' 'python of the base' > step
    if ( "`which python`" != __PYTHON__ ) exit 1
    printf '%s' "python -c ''" > step
    python -c '' || exit 1
    printf '%s' 'conda deactivate' > step
    conda deactivate
    if ( $status != 0 ) exit 1
    conda activate base
    if ( $status != 0 ) exit 1
endif
printf '%s' 'module unload' > step
module unload __MODULE__ || exit 1
env -0 > after
if ( __PYTHON__ != '' ) then
    printf '%s' 'no conda after unload' > step
    if ( "`alias conda`" != '' ) exit 1
endif
exit 0
"""

FISH = """\
function module; eval __LMOD__ fish (string escape -- $argv) | source -; end
function check; printf %s $argv[1] > step; $argv[2..-1]; or exit 1; end
function gone; if functions -q $argv[1]; echo "$argv[1] is still there" >&2; return 1; end; end
env -0 > before
check 'module load' module load __MODULE__
if test -n __PYTHON__
    check 'conda activate base' conda activate base
    check 'python of the base' test (command -v python) = __PYTHON__
    check "python -c ''" python -c ''
    check 'conda deactivate' conda deactivate
    check 'conda activate base, again' conda activate base
end
check 'module unload' module unload __MODULE__
env -0 > after
if test -n __PYTHON__
    check 'no conda after unload' gone conda
end
"""

# Without the start-up files of the build host's admin, where the shell has a word for that.
START = {
    "bash": (("bash", "--norc", "--noprofile"), "sh", SH),
    "zsh": (("zsh", "-f"), "sh", SH),
    "ksh": (("ksh",), "sh", SH),
    "mksh": (("mksh",), "sh", SH),
    "dash": (("dash",), "sh", SH),
    "tcsh": (("tcsh", "-f"), "csh", CSH),
    "fish": (("fish",), "fish", FISH),
}
# The names by which Lmod knows them.
LMOD_SHELL = {"mksh": "ksh", "dash": "sh"}
