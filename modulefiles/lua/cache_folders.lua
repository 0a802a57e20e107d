-- Sends the cache of a tool to the first of `places` whose variables are set and whose parent exists, decided at the
-- load; not where one of `others` is set, by which the user has told the tool already.
function cache_folders(variables, others, places)
  local decided = not loading
  for _, other in ipairs(others) do decided = decided or os.getenv(other) end
  for _, place in ipairs(decided and {} or places) do
    local parent, folder = expand_path(place.parent), expand_path(place.folder)
    if parent and folder and isDir(parent .. "/") then
      for _, variable in ipairs(variables) do set_noted(variable.name, folder .. variable.below) end
      return
    end
  end
end
