-- An activation, or a reload of conda's module, has put it there once more.
function put_first(entry, priority) -- on PATH, once
  take_out("load", "PATH", entry)
  take_out("unload", "PATH", entry)
  prepend_path{"PATH", entry, priority = priority}
end
