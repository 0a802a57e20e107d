-- `value` false: unset. A plain pushenv would not bring back the right one where Lmod exchanges two personal
-- modules, where the user has changed the variable since, and in a reload.
function push_env(variable, value) -- a pushenv; what the user had comes back, unless it was changed since the load
  local stack, now = "__LMOD_STACK_" .. variable, os.getenv(variable)
  local pushed, aside = os.getenv(stack), os.getenv("STACKENV_VENV_ASIDE")
  if not unloading and not exchanged and (value or now) then
    -- In the Lmod that has just unloaded this module, in a reload, pushenv forgets what was there.
    if loading and now and not pushed then unsetenv(stack) pushenv(variable, now) end
    pushenv(variable, value)
  elseif unloading and pushed and active == name then
    -- A conda environment that was activated on top has put it aside (libexec/put_aside.py).
    local ours = now == (value or nil) or aside == name .. ":" .. tostring(value)
    if ours then pushenv(variable, value) end
    -- What Lmod leaves there it would bring back at a later unload (Lmod #367, up to 8.7.59).
    if not ours or not pushed:find(":.*:") then setenv(stack, "") end
  end
end
