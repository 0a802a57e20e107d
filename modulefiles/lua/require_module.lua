-- Lmod's own error would not say what to type.
function require_module(module, message)
  if loading and not isloaded(module) and not isAvail(module) then LmodError(message) end
end
