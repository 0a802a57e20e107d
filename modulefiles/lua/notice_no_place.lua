-- Says that new environments go to conda's default folder.
function notice_no_place(text)
  local place = os.getenv("STACKENV_CONDA_ENVS") or os.getenv("CONDA_ENVS_PATH") or os.getenv("CONDA_ENVS_DIRS")
  if not place then notice(text, "") end
end
