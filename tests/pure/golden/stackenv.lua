-- 5f0c7d2e-8a5b-4c36-9d0e-3b1f6a7c2e94 stackenv 0.2.0 sha256:1f6cbb80faf92b3f3950a9c464268cf3aa51143c1b1af96c9cd4d051b1d4eb80
local root = "/software/stackenv/1.0"
local loading, unloading = mode() == "load", mode() == "unload"
local cache_folders, expand_path, has_key, is_writable, man_pages, read_text, run_in_shell, set_noted, unset_noted, use_folder

-- What the module does, in order; the functions that it defines itself follow.
local function main()
  -- The command and its man pages.
  prepend_path("PATH", root .. "/bin")
  man_pages(root .. "/man")
  set_noted("STACKENV_SITE_CONFIG", "/etc/stackenv/site.yaml")
  use_folder({ { variable = "HOME" }, "/modules" })
  cache_folders({ { name = "PIP_CACHE_DIR", below = "" } }, { variables = { "XDG_CACHE_HOME" }, key = "cache-dir", files = { { { variable = "PIP_CONFIG_FILE" } }, { { variable = "HOME" }, "/.pip/pip.conf" }, { { variable = "XDG_CONFIG_HOME" }, "/pip/pip.conf" }, { { variable = "HOME" }, "/.config/pip/pip.conf" } } }, { { parent = { { variable = "WORKSPACE" } }, folder = { { variable = "WORKSPACE" }, "/.cache-", { variable = "USER" }, "/pip" } } })
  cache_folders({ { name = "UV_CACHE_DIR", below = "" } }, { variables = { "XDG_CACHE_HOME" }, key = "cache-dir", files = { { { variable = "UV_CONFIG_FILE" } }, { { variable = "XDG_CONFIG_HOME" }, "/uv/uv.toml" }, { { variable = "HOME" }, "/.config/uv/uv.toml" } } }, { { parent = { { variable = "WORKSPACE" } }, folder = { { variable = "WORKSPACE" }, "/.cache-", { variable = "USER" }, "/uv" } }, { parent = { { variable = "HOME" } }, folder = { { variable = "HOME" }, "/.cache/uv" } } })
  cache_folders({ { name = "CONDA_PKGS_DIRS", below = "" } }, { variables = {  }, key = "pkgs_dirs", files = { { { variable = "CONDARC" } }, { { variable = "HOME" }, "/.condarc" }, { { variable = "HOME" }, "/.conda/.condarc" } } }, { { parent = { { variable = "HOME" } }, folder = { { variable = "HOME" }, "/.cache/uv" } } })
  cache_folders({ { name = "HF_HUB_CACHE", below = "/hub" }, { name = "HF_DATASETS_CACHE", below = "/datasets" }, { name = "HF_XET_CACHE", below = "/xet" } }, { variables = { "HF_HOME", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME" }, key = "", files = {  } }, { { parent = { { variable = "WORKSPACE" } }, folder = { { variable = "WORKSPACE" }, "/.cache-", { variable = "USER" }, "/huggingface" } } })
  cache_folders({ { name = "TORCH_HOME", below = "" } }, { variables = { "XDG_CACHE_HOME" }, key = "", files = {  } }, { { parent = { { variable = "WORKSPACE" } }, folder = { { variable = "WORKSPACE" }, "/.cache-", { variable = "USER" }, "/torch" } } })
  cache_folders({ { name = "JUPYTER_RUNTIME_DIR", below = "" } }, { variables = {  }, key = "", files = {  } }, { { parent = { { variable = "HOME" } }, folder = { { variable = "HOME" }, "/.cache/uv" } } })
  run_in_shell("load", {
    bash = "case $- in *i*) [ ! -r /software/stackenv/1.0/completions/bash/stackenv ] || . /software/stackenv/1.0/completions/bash/stackenv ;; esac",
    zsh = [=[
if [[ -o interactive ]]; then
  () { fpath=("$1" "${(@)fpath[@]:#$1}") } /software/stackenv/1.0/completions/zsh
  if (( ${+functions[compdef]} )); then
    autoload -Uz _stackenv_completion
    compdef _stackenv_completion stackenv
  fi
fi]=],
    fish = [[
if status is-interactive; and test -r '/software/stackenv/1.0/completions/fish/stackenv.fish'
  source '/software/stackenv/1.0/completions/fish/stackenv.fish'
end]],
  })
  run_in_shell("unload", {
    bash = [[
case $- in *i*)
  complete -r stackenv 2>/dev/null || :
  unset -f _stackenv_completion ;;
esac]],
    zsh = [=[
if [[ -o interactive ]]; then
  () { fpath=("${(@)fpath[@]:#$1}") } /software/stackenv/1.0/completions/zsh
  if (( ${+functions[compdef]} )); then compdef -d stackenv; fi
  if (( ${+functions[_stackenv_completion]} )); then unfunction _stackenv_completion; fi
fi]=],
    fish = [[
if status is-interactive
  complete -e -c stackenv
  functions -e _stackenv_completion
end]],
  })
  -- Unsets what the user had not set before the load.
  unset_noted()
end

function cache_folders(variables, own, places)
  local decided = not loading
  for _, other in ipairs(own.variables) do decided = decided or os.getenv(other) end
  for _, file in ipairs(decided and {} or own.files) do
    local path = expand_path(file)
    decided = decided or path and isFile(path) and has_key(read_text(path), own.key)
  end
  for _, place in ipairs(decided and {} or places) do
    local parent, folder = expand_path(place.parent), expand_path(place.folder)
    if parent and folder and isDir(parent .. "/") and is_writable(folder) then
      for _, variable in ipairs(variables) do set_noted(variable.name, folder .. variable.below) end
      return
    end
  end
end
function expand_path(parts)
  local path = ""
  for _, part in ipairs(parts) do
    local text = part
    if type(part) == "table" then text = os.getenv(part.variable) end
    if not text or text == "" then return nil end
    path = path .. text
  end
  if path:sub(1, 1) == "/" and not path:find("[%c:,]") then return (path:gsub("/+$", "")) end
end
function has_key(text, key)
  return ("\n" .. text):find("\n[ \t]*" .. key:gsub("%p", "%%%0") .. "[ \t]*[:=]") ~= nil
end
function is_writable(folder)
  while folder ~= "" and not isDir(folder .. "/") do folder = folder:gsub("/[^/]*$", "") end
  local found, posix_library = pcall(require, "posix")
  local access = found and posix_library.access
  return not access or access(folder .. "/", "wx") ~= nil
end
function man_pages(folder)
  local before = os.getenv("MANPATH") or folder
  prepend_path("MANPATH", folder)
  if loading and before == folder or unloading and os.getenv("STACKENV_MANPATH") then
    append_path("MANPATH", "")
    setenv("STACKENV_MANPATH", "1")
  end
end
function read_text(path) local file = io.open(path) return file and file:read("*a") or "" end
function run_in_shell(when, code) -- what only a shell can do
  local text = code[myShellType()] or code[myShellName()]
  if text and mode() == when then execute{cmd = text, modeA = {when}} end
end
function set_noted(variable, value)
  if not loading or os.getenv(variable) then return end
  local noted = os.getenv("STACKENV_SET")
  setenv(variable, value)
  setenv("STACKENV_SET", (noted and noted .. ":" or "") .. variable .. "=" .. value)
end
function unset_noted()
  if not unloading then return end
  for variable, value in (os.getenv("STACKENV_SET") or ""):gmatch("([%w_]+)=([^:]*)") do
    if os.getenv(variable) == value then setenv(variable, value) end
  end
  setenv("STACKENV_SET", "")
end
function use_folder(parts)
  local folder = loading and expand_path(parts) or unloading and os.getenv("STACKENV_MODULES")
  local same = folder and loading and folder .. "/" .. myModuleName():match("[^/]+$")
  local is_this = same and myFileName():sub(1, #same + 1) == same .. "/"
  if same and not is_this and (isDir(same) or isFile(same .. ".lua") or isFile(same)) then
    local why = "because one of them has the same name as this module: " .. same
    LmodMessage(myModuleName() .. ": your modules are not available, " .. why)
  elseif folder then
    prepend_path("MODULEPATH", folder)
    setenv("STACKENV_MODULES", folder)
  end
end
main()

help([[
stackenv/1.0 provides the command `stackenv`, which creates Python environments (venv or conda) as modules.

    ml SciPy-bundle                  load the modules to build on, if any
    stackenv create myenv PACKAGE    create an environment
    ml myenv                         use it
    stackenv list                    list your environments

More: `stackenv --help`, `man stackenv`.

In a new shell and in job scripts, type `module load stackenv` before `ml myenv`: Lmod finds your modules, which
are in ~/modules, only while stackenv is loaded. Unloading stackenv unloads them too, unless you have typed
`module use ~/modules` yourself.

Downloads are cached in folders that your site has chosen, unless you set these variables yourself:
PIP_CACHE_DIR, UV_CACHE_DIR, CONDA_PKGS_DIRS, HF_HUB_CACHE, HF_DATASETS_CACHE, HF_XET_CACHE,
TORCH_HOME, JUPYTER_RUNTIME_DIR.
These folders depend on WORKSPACE: load the module that sets it before this one.
]])
