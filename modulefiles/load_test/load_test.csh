# The load test of a modulefile in tcsh: load, run what it brings, unload. The file `step`
# says where it is; `before` and `after` hold the environment, NUL by NUL.
alias module 'eval `'__LMOD__' tcsh \!*`'
set mamba = __MAMBA__
env -0 > before
printf '%s' 'module load' > step
module load __MODULE__ || exit 1
if ( __PYTHON__ != '' ) then
    foreach name ( conda $mamba )
        printf '%s' "$name activate base" > step
        # An alias is not looked up where its name is a variable's value.
        eval "$name activate base"
        if ( $status != 0 ) exit 1
        printf '%s' 'python of the base' > step
        if ( "`which python`" != __PYTHON__ ) exit 1
        printf '%s' "python -c ''" > step
        python -c '' || exit 1
        printf '%s' "$name deactivate" > step
        eval "$name deactivate"
        if ( $status != 0 ) exit 1
    end
    conda activate base
    if ( $status != 0 ) exit 1
endif
if ( __COMMAND__ != '' ) then
    printf '%s' 'the command' > step
    if ( "`which stackenv`" != __COMMAND__ ) exit 1
    printf '%s' 'stackenv site check' > step
    stackenv site check || exit 1
endif
printf '%s' 'module unload' > step
module unload __MODULE__ || exit 1
env -0 > after
if ( __PYTHON__ != '' ) then
    foreach name ( conda $mamba )
        printf '%s' "no $name after unload" > step
        if ( "`alias $name`" != '' ) exit 1
    end
endif
exit 0
