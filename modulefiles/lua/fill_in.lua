-- Puts `text` in the place of %s.
function fill_in(message, text) return (message:gsub("%%s", (text:gsub("%%", "%%%%")))) end
