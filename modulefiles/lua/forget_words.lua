-- stackenv 0.1 set the variable for the whole shell, with its own words before the user's.
function forget_words(variable) -- for shells with a module that stackenv 0.1 wrote; can be removed after 0.3
  local copy, stack, now = "STACKENV_" .. variable, "__LMOD_STACK_" .. variable, os.getenv(variable) or ""
  local word = unloading and active == name and (os.getenv(copy) or ""):match("^%S+")
  if word and (" " .. now .. " "):find(" " .. word .. " ", 1, true) then
    -- Keeps what the user has added since, except for values with //, which Lmod changes to /.
    local whole = os.getenv(stack) and (now == os.getenv(copy) or now:find("//", 1, true))
    if whole then pushenv(variable, "") else prepend_path(variable, word, " ") end
  end
  if word then setenv(copy, "") setenv(stack, "") end
end
