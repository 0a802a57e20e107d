# Removes the entry $__se_entry from the list $__se_list.
__se_list=":$__se_list:"
while [ "$__se_list" != "${__se_list%%":$__se_entry:"*}" ]; do
    __se_list="${__se_list%%":$__se_entry:"*}:${__se_list#*":$__se_entry:"}"
done
__se_list="${__se_list#:}"
__se_list="${__se_list%:}"
