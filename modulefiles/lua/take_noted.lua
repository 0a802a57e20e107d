-- Returns whether a variable is as the module stackenv set it (set_noted.lua), which ignores it from now on.
function take_noted(variable)
  local noted = ":" .. (os.getenv("STACKENV_SET") or "") .. ":"
  local first, last = noted:find(":" .. variable .. "=" .. (os.getenv(variable) or "") .. ":", 1, true)
  local rest = first and noted:sub(1, first) .. noted:sub(last + 1)
  if first and loading then setenv("STACKENV_SET", (rest:gsub("^:*(.-):*$", "%1"))) end
  return first ~= nil
end
