-- Sets a variable if the user has not set it.
function set_default(variable, value)
  local now = os.getenv(variable)
  if not now or not loading and now == value then setenv(variable, value) end
end
