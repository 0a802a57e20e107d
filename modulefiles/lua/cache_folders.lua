-- Sends the cache of a tool to the first of `places` whose variables are set, whose parent exists and which is
-- writable. This is decided at load, and skipped if the user has set a cache by a variable or in a file.
function cache_folders(variables, own, places)
  local decided = not loading
  for _, other in ipairs(own.variables) do decided = decided or os.getenv(other) end
  for _, file in ipairs(decided and {} or own.files) do
    local path = expand_path(file)
    decided = decided or path and isFile(path) and has_key(read_text(path), own.key)
  end
  for _, place in ipairs(decided and {} or places) do
    local parent, folder = expand_path(place.parent), expand_path(place.folder)
    if parent and folder and isDir(parent .. "/") and is_writable(folder) then
      for _, variable in ipairs(variables) do set_noted(variable.name, folder .. variable.below) end
      return
    end
  end
end
