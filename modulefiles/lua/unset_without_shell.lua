-- Unsets, for programs that drive Lmod (EasyBuild, Jupyter), what the shell code of the unload unsets.
function unset_without_shell(variable)
  if unloading and not ({ sh = true, csh = true, fish = true })[myShellType()] then setenv(variable, "") end
end
