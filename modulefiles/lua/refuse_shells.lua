-- Stops a load in a shell for which there is no command.
function refuse_shells(names, message)
  for _, shell in ipairs(names) do
    if loading and shell == myShellName() then LmodError(message) end
  end
end
