# Undo with an execute of Lmod what an execute did: functions defined through Lmod are gone by then.
case $- in *i*)
  complete -r stackenv 2>/dev/null || :
  unset -f _stackenv_completion ;;
esac
