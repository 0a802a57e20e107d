-- If `value` is false, the variable is unset. A plain pushenv would not restore the right value when Lmod exchanges
-- two personal modules, when the user has changed the variable since, or in a reload.
function push_env(variable, value) -- a pushenv; the user's value is restored unless it was changed after the load
  local stack, now = "__LMOD_STACK_" .. variable, os.getenv(variable)
  local pushed, aside = os.getenv(stack), os.getenv("STACKENV_VENV_ASIDE")
  if not unloading and not exchanged and (value or now) then
    -- In a reload, in the Lmod process that has just unloaded this module, pushenv forgets the previous value.
    if loading and now and not pushed then unsetenv(stack) pushenv(variable, now) end
    pushenv(variable, value)
  elseif unloading and pushed and active == name then
    -- A conda environment that was activated on top may have put it aside (libexec/put_aside.py).
    local ours = now == (value or nil) or aside == name .. ":" .. tostring(value)
    if ours then pushenv(variable, value) end
    -- Lmod would restore what it leaves there at a later unload (Lmod #367, up to 8.7.59).
    if not ours or not pushed:find(":.*:") then setenv(stack, "") end
  end
end
