# Carries out an activation or the like in this shell, for the function `conda` or `mamba`.
__se_code=$(STACKENV_PROMPT="${PS1+=$PS1}" __PYTHON__ __FLAGS__ __ACTIVATION__ sh __OPTIONS__ "$@") || {
    set -- "$?"
    unset __se_code
    return "$1"
}
# Activation scripts of packages may read unset variables, and fail. `|| :` is for err_return of zsh, which $- does
# not show; dash obeys -e in spite of it.
__se_flags=$-
set +eu
eval "$__se_code" || :
case $__se_flags in *e*) set -e ;; esac
case $__se_flags in *u*) set -u ;; esac
unset __se_code __se_flags
