-- As `conda activate` does. What was activated on top is conda's to leave.
function activate(environment) -- an unload unsets these only where nothing was activated on top
  if loading or unloading then setenv("STACKENV_CONDA_ENV", prefix) end
  if unloading and (active_level() ~= 1 or os.getenv("CONDA_PREFIX") ~= prefix) then return end
  setenv("CONDA_PREFIX", prefix)
  setenv("CONDA_DEFAULT_ENV", environment)
  setenv("CONDA_SHLVL", "1")
end
