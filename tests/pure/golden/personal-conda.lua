-- 5f0c7d2e-8a5b-4c36-9d0e-3b1f6a7c2e94 stackenv 0.2.0 sha256:58a0f07178f293e69ec4521c8fa50c9cff61709203c133aa427c4f0279c1d12f
-- record: /conda/envs/myenv/stackenv/record.json
-- choices: {"kind": "conda", "modules": ["Anaconda3/2024.02-1"], "modulepath": "/software/modules/all", "allow_shadow": [], "user_site": false, "description": "", "platform": {"machine": "x86_64", "os": "rocky 9", "cpu": "zen2"}, "cpu_features": [], "packed": null, "replaces": "", "layers": true, "sees_modules": "", "module_roots": [], "with_pip": false, "carry_off": "", "stubs_off": "", "muted": []}
local name, prefix = "myenv/1.0", "/conda/envs/myenv"
local loading, unloading, active = mode() == "load", mode() == "unload", os.getenv("STACKENV_ENVIRONMENT")
local exchanged = loading and active and active ~= name and isloaded(active) -- Lmod unloads the old module last
local activate, active_level, fill_in, forget_words, hide_base, lists, notice, notice_pythonpath, push_env, put_first, read_text, refuse_over_active, remove_entry, require_module, require_path, require_platform, run_in_shell, set_default, unset_without_shell
local function main() -- what the module does; the functions that it defines itself follow
  whatis("Name: myenv")
  whatis("Version: 1.0")
  whatis("Description: personal conda environment on Anaconda3/2024.02-1")
  extensions("gdal/3.8.4")
  require_path(prefix .. "/conda-meta", "myenv/1.0: its folder, /conda/envs/myenv, is gone. If it was moved: stackenv adopt NEW_PATH myenv; if it is no longer needed: stackenv remove myenv/1.0")
  require_platform("x86_64", "rocky 9", "myenv/1.0 was created on x86_64, rocky 9; its compiled parts do not run on this machine. Create it again here, from the output of: stackenv export myenv/1.0 --format environment")
  family("stackenv")
  require_module("Anaconda3/2024.02-1", "myenv/1.0 needs the module Anaconda3/2024.02-1, which is not available here (missing `module use`?). It was created with MODULEPATH=/software/modules/all . If the site has removed the module, and another one has the same Python: stackenv edit myenv/1.0 --module ANOTHER; otherwise rebuild the environment: stackenv rebuild myenv/1.0 --module ANOTHER")
  depends_on("Anaconda3/2024.02-1")
  refuse_over_active("myenv/1.0 cannot be loaded while another environment is active: %s. Leave that one first: conda deactivate; if a start-up file activates it, remove that line and open a new shell")
  hide_base()
  put_first(prefix .. "/stackenv/bin", 100)
  put_first(prefix .. "/bin", 100)
  activate("myenv")
  push_env("PIP_USER", false)
  push_env("PYTHONNOUSERSITE", "1")
  push_env("R_HOME", false)
  push_env("GDAL_DATA", prefix .. "/share/gdal")
  set_default("PROJ_NETWORK", "ON")
  prepend_path("XDG_DATA_DIRS", "/opt/share")
  remove_entry("unload", "XDG_DATA_DIRS", prefix .. "/share")
  prepend_path("XDG_DATA_DIRS", prefix .. "/share")
  remove_entry("unload", "MANPATH", prefix .. "/man")
  append_path("MANPATH", prefix .. "/man")
  notice_pythonpath("myenv/1.0: PYTHONPATH is set (%s) and comes before the packages of this conda environment, which needs no Python module; if an import goes wrong, unload that module", false)
  forget_words("PIP_CONSTRAINT")
  forget_words("UV_CONSTRAINT")
  if loading and not exchanged or unloading and active == name then setenv("STACKENV_ENVIRONMENT", name) end
  run_in_shell("load", { sh = "if [ -f /conda/envs/myenv/stackenv/load.sh ] && [ -r /conda/envs/myenv/stackenv/load.sh ]; then \\. /conda/envs/myenv/stackenv/load.sh; fi", csh = "if ( -f '/conda/envs/myenv/stackenv/load.csh' && -r '/conda/envs/myenv/stackenv/load.csh' ) source '/conda/envs/myenv/stackenv/load.csh'", fish = "if test -f '/conda/envs/myenv/stackenv/load.fish'; and test -r '/conda/envs/myenv/stackenv/load.fish'; builtin source '/conda/envs/myenv/stackenv/load.fish'; end" })
  run_in_shell("unload", {
    sh = [[
if [ "${CONDA_PREFIX_1-}" = /conda/envs/myenv ] && [ -z "${STACKENV_CONDA_ENV-}" ] && [ -n "${STACKENV_CONDA_ROOT-}" ]; then
    while [ "${CONDA_SHLVL:-0}" -gt 0 ]; do
        _STACKENV_LEVEL=$CONDA_SHLVL
        conda deactivate || break
        [ "${CONDA_SHLVL-}" != "$_STACKENV_LEVEL" ] || break
    done
    unset _STACKENV_LEVEL
fi
if [ -z "${STACKENV_CONDA_ENV-}" ] && [ -n "${STACKENV_CONDA_BASE-}" ]; then
    case ":$PATH:" in
    *":${STACKENV_CONDA_ROOT-}/bin:"*) ;;
    *":${STACKENV_CONDA_ROOT:-/-}/condabin:"*)
        PATH=":$PATH:"
        PATH="${PATH%%":$STACKENV_CONDA_ROOT/condabin:"*}:$STACKENV_CONDA_ROOT/condabin:$STACKENV_CONDA_ROOT/bin:${PATH#*":$STACKENV_CONDA_ROOT/condabin:"}"
        PATH="${PATH#:}"
        PATH="${PATH%:}"
        ;;
    esac
    unset STACKENV_CONDA_BASE
fi
if [ -n "${_STACKENV_DEACTIVATE-}" ]; then
    case "$(typeset -f deactivate 2>/dev/null || :)" in
    *_STACKENV_DEACTIVATE*) unset -f deactivate ;;
    "") [ -n "${_OLD_VIRTUAL_PATH-}" ] || unset -f deactivate 2>/dev/null || : ;;
    esac
    unset _STACKENV_DEACTIVATE
fi]],
    csh = "if ( -f '/conda/envs/myenv/stackenv/unload.csh' && -s '/conda/envs/myenv/stackenv/unload.csh' && -r '/conda/envs/myenv/stackenv/unload.csh' ) source '/conda/envs/myenv/stackenv/unload.csh'; if ( $?_STACKENV_UNLOAD ) eval 'eval \"$_STACKENV_UNLOAD\"'",
    fish = [[
if test "$CONDA_PREFIX_1" = '/conda/envs/myenv'; and not set -q STACKENV_CONDA_ENV; and set -q STACKENV_CONDA_ROOT
    while test "$CONDA_SHLVL" -gt 0 2>/dev/null
        set -l __se_level $CONDA_SHLVL
        conda deactivate
        or break
        test "$CONDA_SHLVL" != "$__se_level"
        or break
    end
end
if not set -q STACKENV_CONDA_ENV; and set -q STACKENV_CONDA_BASE
    if set -q STACKENV_CONDA_ROOT; and not contains -- "$STACKENV_CONDA_ROOT/bin" $PATH
        if set -l __se_index (contains -i -- "$STACKENV_CONDA_ROOT/condabin" $PATH)
            set -gx PATH $PATH[1..$__se_index] "$STACKENV_CONDA_ROOT/bin" $PATH[(math $__se_index + 1)..]
        end
    end
    set -e STACKENV_CONDA_BASE
end
if set -q _STACKENV_DEACTIVATE
    if functions -q deactivate; and functions deactivate | string match -q '*$_STACKENV_DEACTIVATE*'
        functions -e deactivate
    end
    set -e _STACKENV_DEACTIVATE
end]],
  })
end

function activate(environment) -- an unload unsets these only if nothing was activated on top
  if loading or unloading then setenv("STACKENV_CONDA_ENV", prefix) end
  if unloading and (active_level() ~= 1 or os.getenv("CONDA_PREFIX") ~= prefix) then return end
  setenv("CONDA_PREFIX", prefix)
  setenv("CONDA_DEFAULT_ENV", environment)
  setenv("CONDA_SHLVL", "1")
end
function active_level()
  return tonumber(os.getenv("CONDA_SHLVL") or "") or 0
end
function fill_in(message, text) return (message:gsub("%%s", (text:gsub("%%", "%%%%")))) end
function forget_words(variable) -- for shells with a module that stackenv 0.1 wrote; can be removed after 0.3
  local copy, stack, now = "STACKENV_" .. variable, "__LMOD_STACK_" .. variable, os.getenv(variable) or ""
  local word = unloading and active == name and (os.getenv(copy) or ""):match("^%S+")
  if word and (" " .. now .. " "):find(" " .. word .. " ", 1, true) then
    local whole = os.getenv(stack) and (now == os.getenv(copy) or now:find("//", 1, true))
    if whole then pushenv(variable, "") else prepend_path(variable, word, " ") end
  end
  if word then setenv(copy, "") setenv(stack, "") end
end
function hide_base()
  local base = (os.getenv("STACKENV_CONDA_ROOT") or "") .. "/bin"
  if loading and base ~= "/bin" and lists("PATH", base) then
    setenv("STACKENV_CONDA_BASE", "1")
    remove_entry("load", "PATH", base)
  end
  unset_without_shell("STACKENV_CONDA_BASE")
end
function lists(variable, item) return (":" .. (os.getenv(variable) or "") .. ":"):find(":" .. item .. ":", 1, true) end
function notice(text, found)
  local cluster = os.getenv("SLURM_JOB_ID") or os.getenv("PBS_JOBID") or os.getenv("LSB_JOBID")
  if not loading or cluster or os.getenv("PE_HOSTFILE") then return end
  text = fill_in(text, (found:gsub("[^%w/_.,:+=@ \128-\255-]", "_")))
  run_in_shell("load", {
    sh = "if [ -t 2 ]; then printf '%s\n' '" .. text .. "' >&2; fi",
    csh = "if ( -t 2 ) eval \"echo '" .. text .. "' > /dev/tty\"",
    fish = "if test -t 2; printf '%s\n' '" .. text .. "' >&2; end",
  })
end
function notice_pythonpath(of_user, of_module)
  local own, brought
  for entry in (loading and os.getenv("PYTHONPATH") or ""):gmatch("[^:]+") do
    local module
    for _, loaded in ipairs(loaded_modules()) do
      local full = loaded.fullName or ""
      if full ~= "" and (entry .. "/"):find("/" .. full .. "/", 1, true) then module = full end
    end
    if module then brought = "by the module " .. module else own = own or entry end
  end
  if own and of_user then notice(of_user, own) end
  if brought and not own and of_module then notice(of_module, brought) end
end
function push_env(variable, value) -- a pushenv; the user's value is restored unless it was changed after the load
  local stack, now = "__LMOD_STACK_" .. variable, os.getenv(variable)
  local pushed, aside = os.getenv(stack), os.getenv("STACKENV_VENV_ASIDE")
  if not unloading and not exchanged and (value or now) then
    if loading and now and not pushed then unsetenv(stack) pushenv(variable, now) end
    pushenv(variable, value)
  elseif unloading and pushed and active == name then
    local ours = now == (value or nil) or aside == name .. ":" .. tostring(value)
    if ours then pushenv(variable, value) end
    if not ours or not pushed:find(":.*:") then setenv(stack, "") end
  end
end
function put_first(entry, priority) -- on PATH, once
  remove_entry("load", "PATH", entry)
  remove_entry("unload", "PATH", entry)
  prepend_path{"PATH", entry, priority = priority}
end
function read_text(path) local file = io.open(path) return file and file:read("*a") or "" end
function refuse_over_active(message)
  local level, now = active_level(), os.getenv("CONDA_PREFIX")
  if loading and level > 0 and not (level == 1 and now == os.getenv("STACKENV_CONDA_ENV")) then
    LmodError(fill_in(message, now or "?"))
  end
end
function remove_entry(when, variable, entry) -- of a list such as PATH; Lmod counts how often it was added
  for _ = 1, mode() == when and lists(variable, entry) and 9 or 0 do remove_path(variable, entry) end
end
function require_module(module, message)
  if loading and not isloaded(module) and not isAvail(module) then LmodError(message) end
end
function require_path(path, message) if loading and not lfs.attributes(path, "mode") then LmodError(message) end end
function require_platform(machine, system, message)
  local release = loading and "\n" .. read_text("/etc/os-release") or ""
  local id, major = release:match("\nID=[\"']?([^\"'\n]*)"), release:match("\nVERSION_ID=[\"']?(%d+)")
  local found = release:match("\nPLATFORM_ID=[\"']?([^\"'\n]+)") or major and (id or "") .. " " .. major or system
  local here = loading and machine ~= "" and posix and posix.uname and posix.uname("%m") or machine
  if here ~= machine or system ~= "" and found:gsub("^platform:", "") ~= system then LmodError(message) end
end
function run_in_shell(when, code) -- what only a shell can do
  local text = code[myShellType()] or code[myShellName()]
  if text and mode() == when then execute{cmd = text, modeA = {when}} end
end
function set_default(variable, value)
  local now = os.getenv(variable)
  if not now or not loading and now == value then setenv(variable, value) end
end
function unset_without_shell(variable)
  if unloading and not ({ sh = true, csh = true, fish = true })[myShellType()] then setenv(variable, "") end
end
main()

help([[
myenv/1.0: personal conda environment on Anaconda3/2024.02-1

    environment  /conda/envs/myenv
    modules      Anaconda3/2024.02-1

To use it, in a shell or in a job script:

    module use /home/user/modules; module load myenv/1.0

To leave it: deactivate, or module unload myenv. To see what it contains: stackenv info myenv/1.0
]])
