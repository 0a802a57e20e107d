# See activation.sh: the words are in $__se_arguments.
if ( $?prompt ) then
    setenv STACKENV_PROMPT "=$prompt:q"
endif
# Words do not survive a command substitution of csh: they go by the environment.
set __se_number = 0
foreach __se_argument ( $__se_arguments:q )
    @ __se_number++
    setenv STACKENV_ARGUMENT_$__se_number $__se_argument:q
end
set __se_code = ( "`__PYTHON__ __FLAGS__ __ACTIVATION__ csh __OPTIONS__`" )
set __se_status = $status
unsetenv STACKENV_PROMPT
unsetenv STACKENV_ARGUMENT_*
unset __se_arguments __se_argument __se_number
if ( $__se_status != 0 ) then
    unset __se_code
    # Not `exit` in eval: tcsh 6.24 goes on behind it in a sourced file of over 4,096 bytes, as with a long prefix.
    eval "unset __se_status; /bin/sh -c 'exit $__se_status'"
    exit $status
endif
# The variables go first: a package's script may end the evaluation.
eval "unset __se_code __se_status; $__se_code:q"
rehash
exit 0
