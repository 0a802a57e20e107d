-- Refuses to load over another active environment. When Lmod exchanges two personal modules, it unloads the first last.
function refuse_over_active(message)
  local level, now = active_level(), os.getenv("CONDA_PREFIX")
  if loading and level > 0 and not (level == 1 and now == os.getenv("STACKENV_CONDA_ENV")) then
    LmodError(fill_in(message, now or "?"))
  end
end
