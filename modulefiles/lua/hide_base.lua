-- Removes conda's base from PATH. Only a shell can put it back: unload.sh does, and removes the mark.
function hide_base()
  local base = (os.getenv("STACKENV_CONDA_ROOT") or "") .. "/bin"
  if loading and base ~= "/bin" and lists("PATH", base) then
    setenv("STACKENV_CONDA_BASE", "1")
    remove_entry("load", "PATH", base)
  end
  unset_without_shell("STACKENV_CONDA_BASE")
end
