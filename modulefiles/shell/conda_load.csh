# Defines the alias `conda`, csh's function: the user's own comes back at the unload (conda_unload.csh). csh runs these
# lines as one, and takes words that look like patterns for names of files. What the module defines is no alias of
# the user's, in a reload.
if ( "`alias conda`" != __FUNCTION__ && "`alias conda`" != "" && -t 2 ) eval "echo __OWN_NAME_MESSAGE__ > /dev/tty"
if ( "`alias conda`" != __FUNCTION__ ) set _STACKENV_CONDA_ALIAS = "`alias conda`"
alias conda __FUNCTION__
