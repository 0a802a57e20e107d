# Sets the list $__se_list to the entries of PATH without $__se_entry.
set __se_list = ()
foreach __se_each ( $path:q )
    if ( "$__se_each" != "$__se_entry" ) set __se_list = ( $__se_list:q "$__se_each" )
end
unset __se_each
