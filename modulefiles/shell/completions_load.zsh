# fpath is for a compinit that runs later, as in a .zshrc; compdef is for one that has already run.
if [[ -o interactive ]]; then
  () { fpath=("$1" "${(@)fpath[@]:#$1}") } __FOLDER__
  if (( ${+functions[compdef]} )); then
    autoload -Uz _stackenv_completion
    compdef _stackenv_completion stackenv
  fi
fi
