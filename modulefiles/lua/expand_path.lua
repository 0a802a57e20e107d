-- Returns the folder that `parts`, texts and names of variables, stand for; nil if a variable is not set, or if a list
-- variable or a shell would split the path.
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
