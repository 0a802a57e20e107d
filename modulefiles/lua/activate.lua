-- Sets what `conda activate` sets. conda itself deactivates what was activated on top.
function activate(environment) -- an unload unsets these only if nothing was activated on top
  if loading or unloading then setenv("STACKENV_CONDA_ENV", prefix) end
  if unloading and (active_level() ~= 1 or os.getenv("CONDA_PREFIX") ~= prefix) then return end
  setenv("CONDA_PREFIX", prefix)
  setenv("CONDA_DEFAULT_ENV", environment)
  setenv("CONDA_SHLVL", "1")
end
