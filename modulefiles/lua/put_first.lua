-- An activation, or a reload of conda's module, may have added the entry again.
function put_first(entry, priority) -- on PATH, once
  remove_entry("load", "PATH", entry)
  remove_entry("unload", "PATH", entry)
  prepend_path{"PATH", entry, priority = priority}
end
