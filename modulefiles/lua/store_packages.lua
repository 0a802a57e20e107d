-- Sets CONDA_PKGS_DIRS if the user has not; an unload unsets it if the value is still ours. The value that the module
-- stackenv set is replaced, because it may be on a different file system from our environments.
function store_packages(folder)
  local ours, set = os.getenv("STACKENV_CONDA_PKGS"), os.getenv("CONDA_PKGS_DIRS")
  if unloading then folder = ours end
  if folder and (unloading or not set or set == ours or take_noted("CONDA_PKGS_DIRS")) then
    if not unloading or set == folder then setenv("CONDA_PKGS_DIRS", folder) end
    setenv("STACKENV_CONDA_PKGS", folder)
  end
end
