-- Appends our folder of environments to CONDA_ENVS_PATH; an unload removes what the load appended.
function store_environments(folder)
  local ours = os.getenv("STACKENV_CONDA_ENVS")
  if unloading then folder = ours end
  -- conda refuses to run if both CONDA_ENVS_PATH and CONDA_ENVS_DIRS are set.
  local free = not os.getenv("CONDA_ENVS_DIRS") and (ours == folder or not lists("CONDA_ENVS_PATH", folder or ""))
  if folder and (unloading or free) then
    append_path("CONDA_ENVS_PATH", folder)
    setenv("STACKENV_CONDA_ENVS", folder)
  end
end
