# Defines the alias `conda`, or `mamba`, csh's function: the user's own comes back at the unload (command_unload.csh).
# csh runs these lines as one, and expands words that look like file name patterns. In a reload, the alias that the
# module has defined does not count as the user's own.
if ( "`alias __NAME__`" != __FUNCTION__ && "`alias __NAME__`" != "" && -t 2 ) eval "echo __OWN_NAME_MESSAGE__ > /dev/tty"
if ( "`alias __NAME__`" != __FUNCTION__ ) set __OWN_ALIAS__ = "`alias __NAME__`"
alias __NAME__ __FUNCTION__
