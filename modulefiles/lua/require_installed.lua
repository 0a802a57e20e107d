-- EasyBuild loads the module, as the shell python, before the file is there.
function require_installed(path, message)
  if loading and myShellType() ~= "python" and not lfs.attributes(path, "mode") then LmodError(message) end
end
