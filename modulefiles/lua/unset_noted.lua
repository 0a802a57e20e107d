-- Unsets at unload what `set_noted` has set, except what the user has changed since.
function unset_noted()
  if not unloading then return end
  for variable, value in (os.getenv("STACKENV_SET") or ""):gmatch("([%w_]+)=([^:]*)") do
    if os.getenv(variable) == value then setenv(variable, value) end
  end
  setenv("STACKENV_SET", "")
end
