-- Adds a folder, which need not exist yet, to MODULEPATH; an unload removes it. Nothing is done in other modes, because
-- spider's cache, perhaps made by root, is shared by all users. If the folder had another module of this name, Lmod
-- would load that one instead, which would load this one again, without end.
function use_folder(parts)
  local folder = loading and expand_path(parts) or unloading and os.getenv("STACKENV_MODULES")
  local same = folder and loading and folder .. "/" .. myModuleName():match("[^/]+$")
  local is_this = same and myFileName():sub(1, #same + 1) == same .. "/"
  if same and not is_this and (isDir(same) or isFile(same .. ".lua") or isFile(same)) then
    local why = "because one of them has the same name as this module: " .. same
    LmodMessage(myModuleName() .. ": your modules are not available, " .. why)
  elseif folder then
    prepend_path("MODULEPATH", folder)
    setenv("STACKENV_MODULES", folder)
  end
end
