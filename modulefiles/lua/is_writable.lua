-- Whether the user can write to `folder`, or make it: what another member of a group has made first may be closed.
function is_writable(folder)
  while folder ~= "" and not isDir(folder .. "/") do folder = folder:gsub("/[^/]*$", "") end
  local found, posix_library = pcall(require, "posix")
  local access = found and posix_library.access
  return not access or access(folder .. "/", "wx") ~= nil
end
