-- Says that an environment of another conda is active, perhaps from a start-up file.
function notice_other_conda(text, conda)
  local level, exe = (os.getenv("STACKENV_CONDA_BEFORE") or ""):match("^(%d+):([^:]*)")
  if not reloaded and (tonumber(level or "") or 0) > 0 and exe ~= conda then
    notice(text, os.getenv("CONDA_DEFAULT_ENV") or "")
  end
end
