-- Keeps the base off PATH while an environment is active, and without `base_on_path` always; what a reload finds
-- active is in front again, where Lmod has just put this module.
function base_path(base_on_path, personal_priority)
  if not loading then return end
  local visible = visible_prefixes()
  local base_visible = base_on_path and #visible == 0
  for _, prefix in ipairs(visible) do base_visible = base_visible or prefix == root end
  if not base_visible then remove_entry("load", "PATH", root .. "/bin") end
  local function put(entry)
    -- What has a priority on PATH, such as a personal module's, keeps it.
    local ranked = (os.getenv("__LMOD_Priority_PATH") or ""):find(entry .. ":", 1, true)
    prepend_path{"PATH", entry, priority = ranked and personal_priority or 0}
  end
  local personal, our_pip = os.getenv("STACKENV_CONDA_ENV"), root .. "/libexec/stackenv/pip"
  for number, prefix in ipairs((reloaded or personal) and visible or {}) do
    -- Our `pip` is right behind the environment; taken out first, for Lmod counts.
    if number == #visible and prefix ~= personal then
      remove_path("PATH", our_pip)
      put(our_pip)
    end
    if prefix ~= "" then put(prefix .. "/bin") end
  end
end
