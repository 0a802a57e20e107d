-- Returns whether a text in TOML, YAML or the format of pip.conf sets `key`; comments do not count.
function has_key(text, key)
  return ("\n" .. text):find("\n[ \t]*" .. key:gsub("%p", "%%%0") .. "[ \t]*[:=]") ~= nil
end
