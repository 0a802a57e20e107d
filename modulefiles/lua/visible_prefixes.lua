-- Returns the environments that are on PATH. Each replaces the one below it or, if stacked, comes before it.
function visible_prefixes()
  local active, visible = active_level(), {}
  for level = 1, active do
    local _, prefix = active_prefix(level, active)
    local stacked = os.getenv("CONDA_STACKED_" .. level) == "true" or #visible == 0
    visible[stacked and #visible + 1 or #visible] = prefix or ""
  end
  return visible
end
