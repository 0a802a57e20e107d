-- For programs that drive Lmod (EasyBuild, Jupyter), unsets what the unload code of shells unsets.
function unset_without_shell(variable)
  if unloading and not ({ sh = true, csh = true, fish = true })[myShellType()] then setenv(variable, "") end
end
