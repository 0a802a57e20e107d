-- 5f0c7d2e-8a5b-4c36-9d0e-3b1f6a7c2e94 stackenv 0.2.0 sha256:2f80b1ae68848fe48c4ec6ff75f839705ae8c3a6dffdb8bc1694c7480398b335
-- record: /home/user/venvs/biopy-1.0/stackenv/record.json
-- choices: {"kind": "venv", "modules": ["SciPy-bundle/2023.07-gfbf-2023a"], "modulepath": "/software/modules/all", "allow_shadow": [], "user_site": false, "description": "", "platform": {"machine": "x86_64", "os": "rocky 9", "cpu": "zen2"}, "cpu_features": [], "packed": null, "replaces": "", "layers": true, "sees_modules": "", "module_roots": [], "with_pip": false, "carry_off": "", "stubs_off": "", "muted": []}
local name, prefix = "biopy/1.0", "/home/user/venvs/biopy-1.0"
local loading, unloading, active = mode() == "load", mode() == "unload", os.getenv("STACKENV_ENVIRONMENT")
local exchanged = loading and active and active ~= name and isloaded(active) -- Lmod unloads the old module last
local forget_words, lists, push_env, read_text, remove_entry, require_module, require_path, require_platform, run_in_shell, save_env
local function main() -- what the module does; the functions that it defines itself follow
  whatis("Name: biopy")
  whatis("Version: 1.0")
  whatis("Description: personal Python environment on SciPy-bundle/2023.07-gfbf-2023a")
  extensions("biopython/1.83")
  require_path(prefix .. "/pyvenv.cfg", "biopy/1.0: its folder, /home/user/venvs/biopy-1.0, is gone. If it was moved: stackenv adopt NEW_PATH biopy; if it is no longer needed: stackenv remove biopy/1.0")
  require_platform("x86_64", "rocky 9", "biopy/1.0 was created on x86_64, rocky 9; its compiled parts do not run on this machine. Create it again here, from the output of: stackenv export biopy/1.0 --format requirements")
  family("stackenv")
  require_module("SciPy-bundle/2023.07-gfbf-2023a", "biopy/1.0 needs the module SciPy-bundle/2023.07-gfbf-2023a, which is not available here (missing `module use`?). It was created with MODULEPATH=/software/modules/all . If the site has removed the module, and another one has the same Python: stackenv edit biopy/1.0 --module ANOTHER; otherwise rebuild the environment: stackenv rebuild biopy/1.0 --module ANOTHER")
  depends_on("SciPy-bundle/2023.07-gfbf-2023a")
  require_path(prefix .. "/bin/python", "biopy/1.0: its Python, /home/user/venvs/biopy-1.0/bin/python, is missing or a broken link. To find out why: stackenv check biopy/1.0; to create the environment again: stackenv rebuild biopy/1.0")
  save_env("VIRTUAL_ENV", "STACKENV_VENV_BEFORE")
  push_env("VIRTUAL_ENV", prefix)
  push_env("VIRTUAL_ENV_PROMPT", "(biopy) ")
  push_env("PYTHONHOME", false)
  remove_entry("load", "PATH", prefix .. "/bin")
  prepend_path{"PATH", prefix .. "/bin:/home/user/venvs/biopy-1.0/stackenv/bin", priority = 100}
  forget_words("PIP_CONSTRAINT")
  forget_words("UV_CONSTRAINT")
  if loading and not exchanged or unloading and active == name then setenv("STACKENV_ENVIRONMENT", name) end
  run_in_shell("load", { sh = "if [ -f /home/user/venvs/biopy-1.0/stackenv/load.sh ] && [ -r /home/user/venvs/biopy-1.0/stackenv/load.sh ]; then \\. /home/user/venvs/biopy-1.0/stackenv/load.sh; fi", csh = "if ( -f '/home/user/venvs/biopy-1.0/stackenv/load.csh' && -r '/home/user/venvs/biopy-1.0/stackenv/load.csh' ) source '/home/user/venvs/biopy-1.0/stackenv/load.csh'", fish = "if test -f '/home/user/venvs/biopy-1.0/stackenv/load.fish'; and test -r '/home/user/venvs/biopy-1.0/stackenv/load.fish'; builtin source '/home/user/venvs/biopy-1.0/stackenv/load.fish'; end" })
  run_in_shell("unload", { sh = "if [ -f /home/user/venvs/biopy-1.0/stackenv/unload.sh ] && [ -s /home/user/venvs/biopy-1.0/stackenv/unload.sh ] && [ -r /home/user/venvs/biopy-1.0/stackenv/unload.sh ]; then \\. /home/user/venvs/biopy-1.0/stackenv/unload.sh; else eval \"${_STACKENV_UNLOAD-}\"; fi", csh = "if ( -f '/home/user/venvs/biopy-1.0/stackenv/unload.csh' && -s '/home/user/venvs/biopy-1.0/stackenv/unload.csh' && -r '/home/user/venvs/biopy-1.0/stackenv/unload.csh' ) source '/home/user/venvs/biopy-1.0/stackenv/unload.csh'; if ( $?_STACKENV_UNLOAD ) eval 'eval \"$_STACKENV_UNLOAD\"'", fish = "if test -f '/home/user/venvs/biopy-1.0/stackenv/unload.fish'; and test -s '/home/user/venvs/biopy-1.0/stackenv/unload.fish'; and test -r '/home/user/venvs/biopy-1.0/stackenv/unload.fish'; builtin source '/home/user/venvs/biopy-1.0/stackenv/unload.fish'; else; eval $_STACKENV_UNLOAD; end" })
end

function forget_words(variable) -- for shells with a module that stackenv 0.1 wrote; can be removed after 0.3
  local copy, stack, now = "STACKENV_" .. variable, "__LMOD_STACK_" .. variable, os.getenv(variable) or ""
  local word = unloading and active == name and (os.getenv(copy) or ""):match("^%S+")
  if word and (" " .. now .. " "):find(" " .. word .. " ", 1, true) then
    local whole = os.getenv(stack) and (now == os.getenv(copy) or now:find("//", 1, true))
    if whole then pushenv(variable, "") else prepend_path(variable, word, " ") end
  end
  if word then setenv(copy, "") setenv(stack, "") end
end
function lists(variable, item) return (":" .. (os.getenv(variable) or "") .. ":"):find(":" .. item .. ":", 1, true) end
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
function read_text(path) local file = io.open(path) return file and file:read("*a") or "" end
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
function save_env(variable, copy) -- of before the load
  local value = loading and os.getenv(variable) or unloading and os.getenv(copy) or ""
  if value ~= "" then setenv(copy, value) end
end
main()

help([[
biopy/1.0: personal Python environment on SciPy-bundle/2023.07-gfbf-2023a

    environment  /home/user/venvs/biopy-1.0
    modules      SciPy-bundle/2023.07-gfbf-2023a

To use it, in a shell or in a job script:

    module use /home/user/modules; module load biopy/1.0

To leave it: deactivate, or module unload biopy. To see what it contains: stackenv info biopy/1.0
]])
