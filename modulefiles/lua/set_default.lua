-- Sets a variable that the user has not set.
function set_default(variable, value)
  local now = os.getenv(variable)
  if not now or not loading and now == value then setenv(variable, value) end
end
