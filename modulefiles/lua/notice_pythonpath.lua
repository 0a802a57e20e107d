-- Says that PYTHONPATH is set: by the user, or else by a module.
function notice_pythonpath(of_user, of_module)
  local own, brought
  for entry in (loading and os.getenv("PYTHONPATH") or ""):gmatch("[^:]+") do
    local module
    for _, loaded in ipairs(loaded_modules()) do
      local full = loaded.fullName or ""
      if full ~= "" and (entry .. "/"):find("/" .. full .. "/", 1, true) then module = full end
    end
    if module then brought = "by the module " .. module else own = own or entry end
  end
  if own and of_user then notice(of_user, own) end
  if brought and not own and of_module then notice(of_module, brought) end
end
