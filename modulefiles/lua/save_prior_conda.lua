-- Saves which conda was in the shell before the first load: `clean`, or the number of its active environments, its
-- CONDA_EXE and the environment's name. The unload code removes it, because to Lmod a reload is an unload, too.
function save_prior_conda()
  if not loading or reloaded then return end
  local exe, level = os.getenv("CONDA_EXE"), os.getenv("CONDA_SHLVL")
  local prior = "clean"
  -- The environment of a personal module does not belong to another conda.
  if (exe or level) and not os.getenv("STACKENV_CONDA_ENV") then
    level = tonumber(level or "") and level or ""
    prior = level .. ":" .. (exe or "") .. ":" .. (os.getenv("CONDA_DEFAULT_ENV") or "")
  end
  setenv("STACKENV_CONDA_BEFORE", prior)
end
