-- EasyBuild loads the module, as the shell `python`, before the file exists.
function require_installed(path, message)
  if loading and myShellType() ~= "python" and not lfs.attributes(path, "mode") then LmodError(message) end
end
