-- Has Lmod look for modules in a folder, which need not be there yet; an unload takes away what the load has put
-- there. In no other mode, for what spider keeps, of root's home perhaps, is for all users. A module there of this
-- one's name, unless it is this, Lmod would load in its place, and that again this one, without end.
function use_folder(parts)
  local folder = loading and expand_path(parts) or unloading and os.getenv("STACKENV_MODULES")
  local same = folder and loading and folder .. "/" .. myModuleName():match("[^/]+$")
  local is_this = same and myFileName():sub(1, #same + 1) == same .. "/"
  if same and not is_this and (isDir(same) or isFile(same .. ".lua") or isFile(same)) then
    LmodMessage(myModuleName() .. ": your modules are not available, as one has the name of this module: " .. same)
  elseif folder then
    prepend_path("MODULEPATH", folder)
    setenv("STACKENV_MODULES", folder)
  end
end
