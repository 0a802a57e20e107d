-- Lmod itself would say that it does not know the module, and not what to type.
function require_module(module, message)
  if loading and not isloaded(module) and not isAvail(module) then LmodError(message) end
end
