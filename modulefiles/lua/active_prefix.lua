-- Returns the variable in which conda keeps the environment of a level, and its value.
function active_prefix(level, active)
  local variable = level == active and "CONDA_PREFIX" or "CONDA_PREFIX_" .. level
  return variable, os.getenv(variable)
end
