-- Whether a text in TOML, YAML or pip's own form gives a value to `key`; what is commented out does not count.
function has_key(text, key)
  return ("\n" .. text):find("\n[ \t]*" .. key:gsub("%p", "%%%0") .. "[ \t]*[:=]") ~= nil
end
