-- Lmod's own isFile is true of a link to nothing.
function require_path(path, message) if loading and not lfs.attributes(path, "mode") then LmodError(message) end end
