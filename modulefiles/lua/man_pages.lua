-- An unset MANPATH means the system's pages; our entry alone would hide them, so an empty entry is added for them.
function man_pages(folder)
  -- EasyBuild's own part of the modulefile may have put the folder there.
  local before = os.getenv("MANPATH") or folder
  prepend_path("MANPATH", folder)
  if loading and before == folder or unloading and os.getenv("STACKENV_MANPATH") then
    append_path("MANPATH", "")
    setenv("STACKENV_MANPATH", "1")
  end
end
