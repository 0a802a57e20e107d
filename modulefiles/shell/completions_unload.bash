# What an execute of Lmod does, an execute undoes: functions of Lmod are gone by then.
case $- in *i*)
  complete -r stackenv 2>/dev/null || :
  unset -f _stackenv_completion ;;
esac
