-- Lmod's own isFile is true of a link to nothing.
function refuse_without(path, message) if loading and not lfs.attributes(path, "mode") then LmodError(message) end end
