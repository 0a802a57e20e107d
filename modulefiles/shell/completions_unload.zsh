if [[ -o interactive ]]; then
  () { fpath=("${(@)fpath[@]:#$1}") } __FOLDER__
  if (( ${+functions[compdef]} )); then compdef -d stackenv; fi
  if (( ${+functions[_stackenv_completion]} )); then unfunction _stackenv_completion; fi
fi
