# Defines the alias `conda`, or `mamba`, csh's function: the user's own comes back at the unload (command_unload.csh).
# csh runs these lines as one, and takes words that look like patterns for names of files. What the module defines is
# no alias of the user's, in a reload.
if ( "`alias __NAME__`" != __FUNCTION__ && "`alias __NAME__`" != "" && -t 2 ) eval "echo __OWN_NAME_MESSAGE__ > /dev/tty"
if ( "`alias __NAME__`" != __FUNCTION__ ) set __OWN_ALIAS__ = "`alias __NAME__`"
alias __NAME__ __FUNCTION__
