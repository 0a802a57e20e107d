# At an unload or reload, restores the user's own alias `conda`, or `mamba`. tcsh expands the variables of a line before
# it tests its condition.
unalias __NAME__
if ( ! $?__OWN_ALIAS__ ) set __OWN_ALIAS__
if ( "$__OWN_ALIAS__" != "" ) alias __NAME__ "$__OWN_ALIAS__"
unset __OWN_ALIAS__
