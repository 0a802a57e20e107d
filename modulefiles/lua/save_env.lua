-- For code of the shell, which runs when `variable` has another value.
function save_env(variable, copy) -- of before the load
  local value = loading and os.getenv(variable) or unloading and os.getenv(copy) or ""
  if value ~= "" then setenv(copy, value) end
end
