-- Returns the first place whose variables are set and whose parent exists: its environments, its packages. A path
-- that a list variable or a shell would split cannot be used.
function usable_place(places)
  for _, place in ipairs(places) do
    local path = ""
    for _, part in ipairs(place.parent) do
      local text = part
      if type(part) == "table" then text = os.getenv(part.variable) end
      if not text or text == "" then path = nil break end
      path = path .. text
    end
    if path and path:sub(1, 1) == "/" and not path:find("[%c:,]") and isDir(path) then
      path = path:gsub("/+$", "")
      return path .. "/" .. place.environments, path .. "/" .. place.packages
    end
  end
end
