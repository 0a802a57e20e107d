-- For shell code that runs when `variable` already has another value.
function save_env(variable, copy) -- of before the load
  local value = loading and os.getenv(variable) or unloading and os.getenv(copy) or ""
  if value ~= "" then setenv(copy, value) end
end
