-- Returns whether the user can write to `folder` or create it; another member of the group may own it.
function is_writable(folder)
  while folder ~= "" and not isDir(folder .. "/") do folder = folder:gsub("/[^/]*$", "") end
  local found, posix_library = pcall(require, "posix")
  local access = found and posix_library.access
  return not access or access(folder .. "/", "wx") ~= nil
end
