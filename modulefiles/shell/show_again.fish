# See show_again.sh.
for __se_name in PYTHONPATH EBPYTHONPREFIXES
    set -l __se_hidden STACKENV_HIDDEN_$__se_name
    set -q $__se_hidden; and set -q LOADEDMODULES
    and set -gx $__se_name "$$__se_hidden"
    set -e $__se_hidden
end
