-- An activation, an activate script and a reload may each have added the entry once; a missing entry is not an error.
function remove_entry(when, variable, entry) -- of a list such as PATH; Lmod counts how often it was added
  for _ = 1, mode() == when and lists(variable, entry) and 9 or 0 do remove_path(variable, entry) end
end
