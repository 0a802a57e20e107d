if mode() == "unload" then
  local now = os.getenv("VARIABLE") or ""
  local ours = (" " .. now .. " "):find(" " .. "URL" .. " ", 1, true)
  if ours and os.getenv("STACKENV_ENVIRONMENT") == "NAME" then
    -- What the user has added since stays, but for values with //, of which Lmod makes one.
    local whole = now == os.getenv("STACKENV_VARIABLE") or now:find("//", 1, true)
    if os.getenv("__LMOD_STACK_VARIABLE") and whole then
      pushenv("VARIABLE", "")
    else
      prepend_path("VARIABLE", "URL", " ")
    end
  end
  if os.getenv("STACKENV_ENVIRONMENT") == "NAME" then setenv("STACKENV_VARIABLE", "") end
  if os.getenv("__LMOD_STACK_VARIABLE") then setenv("__LMOD_STACK_VARIABLE", "") end
elseif not (mode() == "load" and ((os.getenv("STACKENV_ENVIRONMENT") or "NAME") ~= "NAME" and isloaded(os.getenv("STACKENV_ENVIRONMENT")))) then
  local now = mode() == "load" and os.getenv("VARIABLE") or ""
  if now == "" then
    pushenv("VARIABLE", "URL")
    setenv("STACKENV_VARIABLE", "URL")
  -- Lmod 8.6 would have the shell run what follows a newline.
  elseif not now:find("%c") then
    if not os.getenv("__LMOD_STACK_VARIABLE") then
      unsetenv("__LMOD_STACK_VARIABLE")
      pushenv("VARIABLE", now)
    end
    pushenv("VARIABLE", "URL" .. " " .. now)
    setenv("STACKENV_VARIABLE", "URL" .. " " .. now)
  end
end
