-- Sets a variable if the user has not set it; STACKENV_SET records these variables and their values.
function set_noted(variable, value)
  if not loading or os.getenv(variable) then return end
  local noted = os.getenv("STACKENV_SET")
  setenv(variable, value)
  setenv("STACKENV_SET", (noted and noted .. ":" or "") .. variable .. "=" .. value)
end
