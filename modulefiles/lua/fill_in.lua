-- Replaces %s in `message` by `text`.
function fill_in(message, text) return (message:gsub("%%s", (text:gsub("%%", "%%%%")))) end
