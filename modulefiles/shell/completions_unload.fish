if status is-interactive
  complete -e -c stackenv
  functions -e _stackenv_completion
end
