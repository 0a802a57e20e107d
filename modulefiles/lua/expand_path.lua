-- Returns the folder of `parts`, texts and names of variables. One of which a variable is not set, or that a list
-- variable or a shell would split, cannot be used.
function expand_path(parts)
  local path = ""
  for _, part in ipairs(parts) do
    local text = part
    if type(part) == "table" then text = os.getenv(part.variable) end
    if not text or text == "" then return nil end
    path = path .. text
  end
  if path:sub(1, 1) == "/" and not path:find("[%c:,]") then return (path:gsub("/+$", "")) end
end
