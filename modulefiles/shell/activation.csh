# See activation.sh: the arguments are in $__se_arguments.
if ( $?prompt ) then
    setenv STACKENV_PROMPT "=$prompt:q"
endif
# A command substitution of csh does not keep arguments intact, so pass them in environment variables.
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
    # Do not use `exit` in eval: in a sourced file of over 4,096 bytes (a long prefix), tcsh 6.24 ignores it.
    eval "unset __se_status; /bin/sh -c 'exit $__se_status'"
    exit $status
endif
# Unset the variables first: a script of a package may end the evaluation.
eval "unset __se_code __se_status; $__se_code:q"
rehash
exit 0
