-- Lmod's isFile is true for a broken link.
function require_path(path, message) if loading and not lfs.attributes(path, "mode") then LmodError(message) end end
