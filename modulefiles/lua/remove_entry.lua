-- An activation, an activate script or a reload may have put it there, each once more; what is not there stays so.
function remove_entry(when, variable, entry) -- of a list such as PATH; Lmod counts how often it was put there
  for _ = 1, mode() == when and lists(variable, entry) and 9 or 0 do remove_path(variable, entry) end
end
