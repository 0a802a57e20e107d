# See activation.sh.
status is-interactive
and set -lx STACKENV_PROMPT =
set -l __se_code (__PYTHON__ __FLAGS__ __ACTIVATION__ fish __OPTIONS__ $argv)
or return
string join \n -- $__se_code | source
return 0
