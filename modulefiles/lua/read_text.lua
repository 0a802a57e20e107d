-- The file is closed when Lmod exits.
function read_text(path) local file = io.open(path) return file and file:read("*a") or "" end
