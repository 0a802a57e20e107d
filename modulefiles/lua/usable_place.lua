-- Returns the first place whose variables are set and whose parent exists: its environments, its packages.
function usable_place(places)
  for _, place in ipairs(places) do
    local path = expand_path(place.parent)
    if path and isDir(path .. "/") then return path .. "/" .. place.environments, path .. "/" .. place.packages end
  end
end
