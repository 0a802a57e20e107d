-- `code` is keyed by the type of the shell, or by its name. Lmod writes it after everything else.
function run_in_shell(when, code) -- what only a shell can do
  local text = code[myShellType()] or code[myShellName()]
  if text and mode() == when then execute{cmd = text, modeA = {when}} end
end
