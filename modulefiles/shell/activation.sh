# What the words of a function `conda` or `mamba` ask for: an activation or the like, in this shell.
__se_code=$(STACKENV_PROMPT="${PS1+=$PS1}" __PYTHON__ __FLAGS__ __ACTIVATION__ sh __OPTIONS__ "$@") || {
    set -- "$?"
    unset __se_code
    return "$1"
}
# Packages' activation scripts read unset variables, and fail. `|| :` is for zsh's err_return, which
# $- does not show; dash heeds -e behind it too.
__se_flags=$-
set +eu
eval "$__se_code" || :
case $__se_flags in *e*) set -e ;; esac
case $__se_flags in *u*) set -u ;; esac
unset __se_code __se_flags
