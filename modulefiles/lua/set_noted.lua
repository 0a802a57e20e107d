-- Sets a variable that the user has not set; STACKENV_SET says which these are, and to what they were set.
function set_noted(variable, value)
  if not loading or os.getenv(variable) then return end
  local noted = os.getenv("STACKENV_SET")
  setenv(variable, value)
  setenv("STACKENV_SET", (noted and noted .. ":" or "") .. variable .. "=" .. value)
end
