-- Has Lmod look for modules in a folder, which need not be there yet; an unload takes away what the load has put
-- there. In no other mode, for what spider keeps, of root's home perhaps, is for all users.
function use_folder(parts)
  local folder = loading and expand_path(parts) or unloading and os.getenv("STACKENV_MODULES")
  if folder then
    prepend_path("MODULEPATH", folder)
    setenv("STACKENV_MODULES", folder)
  end
end
