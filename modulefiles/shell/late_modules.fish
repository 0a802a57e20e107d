# See late_modules.sh.
if string match -q '*hide-modules*' -- __OPTIONS__; and test -n "$CONDA_PREFIX" -a -n "$PYTHONPATH"
    if test "$PYTHONPATH" != "$STACKENV_PYTHONPATH_SEEN" -a "$CONDA_PREFIX" != "$STACKENV_CONDA_ENV"
        __PYTHON__ __FLAGS__ __ACTIVATION__ fish __OPTIONS__ notice
    end
end
