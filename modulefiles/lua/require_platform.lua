-- Compiled packages run on one kind of machine and on one major version of an operating system: PLATFORM_ID in Red
-- Hat's family (os-release(5)), elsewhere ID and VERSION_ID. No process is started.
function require_platform(machine, system, message)
  local release = loading and "\n" .. read_text("/etc/os-release") or ""
  local id, major = release:match("\nID=[\"']?([^\"'\n]*)"), release:match("\nVERSION_ID=[\"']?(%d+)")
  local found = release:match("\nPLATFORM_ID=[\"']?([^\"'\n]+)") or major and (id or "") .. " " .. major or system
  local here = loading and machine ~= "" and posix and posix.uname and posix.uname("%m") or machine
  if here ~= machine or system ~= "" and found:gsub("^platform:", "") ~= system then LmodError(message) end
end
