-- Refuses to load in a shell that is not supported.
function refuse_shells(names, message)
  for _, shell in ipairs(names) do
    if loading and shell == myShellName() then LmodError(message) end
  end
end
