-- Sends environments and packages to the first usable of `places`, decided at the load.
function storage_places(places)
  -- If another module of the family is loaded, Lmod loads this one, unloads both, and loads this one again.
  local other = (os.getenv("STACKENV_CONDA_ROOT") or root) ~= root
  if not unloading and (not loading or other) then return end
  local environments, packages
  if loading then environments, packages = usable_place(places) end
  store_environments(environments)
  store_packages(packages)
end
