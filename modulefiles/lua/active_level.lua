-- Returns how many environments are active, one on top of the other.
function active_level()
  return tonumber(os.getenv("CONDA_SHLVL") or "") or 0
end
