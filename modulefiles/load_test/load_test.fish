# The load test of a modulefile in fish: load, run what it brings, unload. The file `step`
# says where it is; `before` and `after` hold the environment, NUL by NUL.
function module; eval __LMOD__ fish (string escape -- $argv) | source -; end
function check; printf %s $argv[1] > step; $argv[2..-1]; or exit 1; end
function gone; if functions -q $argv[1]; echo "$argv[1] is still there" >&2; return 1; end; end
set commands (string match -r '.+' -- conda __MAMBA__)
env -0 > before
check 'module load' module load __MODULE__
if test -n __PYTHON__
    for name in $commands
        check "$name activate base" $name activate base
        check 'python of the base' test (command -v python) = __PYTHON__
        check "python -c ''" python -c ''
        check "$name deactivate" $name deactivate
    end
    check 'conda activate base, again' conda activate base
end
if test -n __COMMAND__
    check 'the command' test (command -v stackenv) = __COMMAND__
    check 'stackenv site check' stackenv site check
end
check 'module unload' module unload __MODULE__
env -0 > after
if test -n __PYTHON__
    for name in $commands
        check "no $name after unload" gone $name
    end
end
