-- Deactivates the environments at unload if the installation no longer exists: cleans PATH and conda's variables;
-- what the scripts of packages have set remains.
function deactivate_missing_conda(message, show_again)
  if not unloading or isFile(root .. "/bin/python") then return end
  -- At unload Lmod reverses each of these calls.
  local function unset(...)
    for _, variable in ipairs({ ... }) do
      if os.getenv(variable) then setenv(variable, "") end
    end
  end
  local active = active_level()
  local before = tonumber((os.getenv("STACKENV_CONDA_BEFORE") or ""):match("^(%d+):") or "") or 0
  for level = before + 1, active do
    local variable, prefix = active_prefix(level, active)
    if prefix then prepend_path("PATH", prefix .. "/bin") end
    unset(variable, "CONDA_STACKED_" .. level)
  end
  unset("STACKENV_CONDA_BEFORE")
  if active <= before then return end
  unset("CONDA_SHLVL", "CONDA_DEFAULT_ENV", "CONDA_PROMPT_MODIFIER")
  if os.getenv("STACKENV_USER_SITE") then unset("STACKENV_USER_SITE", "PYTHONNOUSERSITE") end
  if os.getenv("STACKENV_PIP_GUARD") then unset("STACKENV_PIP_GUARD", "PIP_REQUIRE_VIRTUALENV") end
  if os.getenv("STACKENV_PIP_USER") then unset("STACKENV_PIP_USER", "PIP_USER") end
  unset("STACKENV_HIDDEN_STATE", "STACKENV_PYTHONPATH_SEEN", "STACKENV_VENV_ASIDE")
  run_in_shell("unload", show_again)
  LmodMessage(message)
end
