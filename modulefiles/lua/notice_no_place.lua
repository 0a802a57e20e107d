-- Says that conda will put environments where it does by itself.
function notice_no_place(text)
  if not os.getenv("STACKENV_CONDA_ENVS") and not os.getenv("CONDA_ENVS_PATH")
      and not os.getenv("CONDA_ENVS_DIRS") then
    notice(text, "")
  end
end
