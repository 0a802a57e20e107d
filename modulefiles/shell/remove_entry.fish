# Removes the entry $__se_entry from the list $__se_list.
while set -l __se_index (contains -i -- $__se_entry $__se_list)
    set -e __se_list[$__se_index]
end
