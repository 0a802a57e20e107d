-- Says that an environment of another conda, perhaps of a start-up file, is active.
function notice_other_conda(text, conda)
  local level, exe = (os.getenv("STACKENV_CONDA_BEFORE") or ""):match("^(%d+):([^:]*)")
  if not reloaded and (tonumber(level or "") or 0) > 0 and exe ~= conda then
    notice(text, os.getenv("CONDA_DEFAULT_ENV") or "")
  end
end
