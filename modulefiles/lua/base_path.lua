-- Keeps base off PATH while an environment is active, and always without `base_on_path`. After a reload, active
-- environments are put in front again, because Lmod has just put this module there.
function base_path(base_on_path, personal_priority)
  if not loading then return end
  local visible = visible_prefixes()
  local base_visible = base_on_path and #visible == 0
  for _, prefix in ipairs(visible) do base_visible = base_visible or prefix == root end
  if not base_visible then remove_entry("load", "PATH", root .. "/bin") end
  local function put(entry)
    -- An entry with a priority on PATH, such as that of a personal module, keeps it.
    local ranked = (os.getenv("__LMOD_Priority_PATH") or ""):find(entry .. ":", 1, true)
    prepend_path{"PATH", entry, priority = ranked and personal_priority or 0}
  end
  local personal, our_pip = os.getenv("STACKENV_CONDA_ENV"), root .. "/libexec/stackenv/pip"
  for number, prefix in ipairs((reloaded or personal) and visible or {}) do
    -- Our `pip` comes right after the environment; it is removed first, because Lmod counts entries.
    if number == #visible and prefix ~= personal then
      remove_path("PATH", our_pip)
      put(our_pip)
    end
    if prefix ~= "" then put(prefix .. "/bin") end
  end
end
