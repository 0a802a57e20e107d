-- 5f0c7d2e-8a5b-4c36-9d0e-3b1f6a7c2e94 stackenv 0.1.0 sha256:dc8afdfbf8c7efa2813661257de118ea88cb1ed4f8e050400d8d1cc2bdd35e44
-- record: /conda/envs/myenv/stackenv/record.json
-- choices: {"kind": "conda", "modules": ["Anaconda3/2024.02-1"], "modulepath": "/software/modules/all", "allow_shadow": [], "user_site": false, "description": "", "platform": {"machine": "x86_64", "os": "rocky 9", "cpu": "zen2"}, "cpu_features": [], "packed": null, "replaces": "", "layers": true, "sees_modules": "", "module_roots": []}
whatis("Name: myenv")
whatis("Version: 1.0")
whatis("Description: personal conda environment on Anaconda3/2024.02-1")
extensions("gdal/3.8.4")

if mode() == "load" and not lfs.attributes("/conda/envs/myenv/conda-meta", "mode") then
  LmodError("myenv/1.0: its folder, /conda/envs/myenv, is gone. If it was moved: stackenv adopt NEW_PATH myenv; if nobody needs it: stackenv remove myenv/1.0")
end
if mode() == "load" then
  local lua = io.open("/proc/self/exe", "rb")
  local header = lua and lua:read(20) or ""
  if lua then lua:close() end
  if #header == 20 and header:byte(19) + 256 * header:byte(20) ~= 62 then
    LmodError("myenv/1.0 was made on x86_64, rocky 9; its compiled parts are not for this machine. Make it anew here, from the output of: stackenv export myenv/1.0 --format environment")
  end
  local release = io.open("/etc/os-release")
  local text = release and ("\n" .. release:read("*a")) or ""
  if release then release:close() end
  local id = text:match("\nID=[\"']?([^\"'\n]*)") or ""
  local major = text:match("\nVERSION_ID=[\"']?(%d+)")
  local platform = text:match("\nPLATFORM_ID=[\"']?([^\"'\n]+)")
  local found = platform and platform:gsub("^platform:", "") or major and id .. " " .. major
  if found and found ~= "rocky 9" then
    LmodError("myenv/1.0 was made on x86_64, rocky 9; its compiled parts are not for this machine. Make it anew here, from the output of: stackenv export myenv/1.0 --format environment")
  end
end

family("stackenv")
if mode() == "load" then
  for _, name in ipairs({ "Anaconda3/2024.02-1" }) do
    if not isloaded(name) and not isAvail(name) then
      LmodError((("myenv/1.0 was made on the module %s, which is not to be had here. Was it found with `module use`? Then use that folder again; it was made under MODULEPATH=/software/modules/all . If the site has removed it: stackenv edit myenv/1.0 --module ANOTHER, where that has the same Python; otherwise make it anew: stackenv rebuild myenv/1.0 --module ANOTHER"):gsub("%%s", (name:gsub("%%", "%%%%")))))
    end
  end
end
depends_on("Anaconda3/2024.02-1")

local level, active = tonumber(os.getenv("CONDA_SHLVL") or "") or 0, os.getenv("CONDA_PREFIX")
-- Over another personal module Lmod loads this one first, and then unloads that (`family`).
if mode() == "load" and level > 0 and not (level == 1 and active == os.getenv("STACKENV_CONDA_ENV")) then
  LmodError((("myenv/1.0 is not loaded over an environment that is active already: %s. Leave that first: conda deactivate (or a new shell, where a start-up file activates it)"):gsub("%%s", ((active or "?"):gsub("%%", "%%%%")))))
end
local base = (os.getenv("STACKENV_CONDA_ROOT") or "") .. "/bin"
for _ = 1, mode() == "load" and base ~= "/bin" and 9 or 0 do
  if not (":" .. (os.getenv("PATH") or "") .. ":"):find(":" .. base .. ":", 1, true) then break end
  -- Only a shell can put it back: the code after the unload does, and takes this mark away.
  setenv("STACKENV_CONDA_BASE", "1")
  remove_path("PATH", base)
end
if mode() == "unload" and not ({ sh = true, csh = true, fish = true })[myShellType()] then
  setenv("STACKENV_CONDA_BASE", "")
end
for _, entry in ipairs({ "/conda/envs/myenv/stackenv/bin", "/conda/envs/myenv/bin" }) do
  -- Lmod counts: an activation, or a reload of conda's module, has put the entry there once more.
  for _ = 1, 9 do
    if mode() ~= "load" and mode() ~= "unload" then break end
    if not (":" .. (os.getenv("PATH") or "") .. ":"):find(":" .. entry .. ":", 1, true) then break end
    remove_path("PATH", entry)
  end
  prepend_path{"PATH", entry, priority = 100}
end
-- An environment that was activated on top is conda's to leave.
if mode() ~= "unload" or (level == 1 and active == "/conda/envs/myenv") then
  setenv("CONDA_PREFIX", "/conda/envs/myenv")
  setenv("CONDA_DEFAULT_ENV", "myenv")
  setenv("CONDA_SHLVL", "1")
end
setenv("STACKENV_CONDA_ENV", "/conda/envs/myenv")
if mode() == "unload" then
  if os.getenv("__LMOD_STACK_PIP_USER") and os.getenv("STACKENV_ENVIRONMENT") == "myenv/1.0" then
    local _, left = os.getenv("__LMOD_STACK_PIP_USER"):gsub(":", "")
    local ours = os.getenv("PIP_USER") == nil
    if ours then pushenv("PIP_USER", false) end
    -- What Lmod leaves there it would bring back at a later unload (Lmod #367, up to 8.7.59).
    if left < 2 or not ours then setenv("__LMOD_STACK_PIP_USER", "") end
  end
elseif not (mode() == "load" and ((os.getenv("STACKENV_ENVIRONMENT") or "myenv/1.0") ~= "myenv/1.0" and isloaded(os.getenv("STACKENV_ENVIRONMENT")))) and os.getenv("PIP_USER") ~= nil then
  local before = mode() == "load" and not os.getenv("__LMOD_STACK_PIP_USER") and os.getenv("PIP_USER")
  if before then
    -- In the Lmod that has just unloaded this module, in a reload, pushenv forgets what was there.
    unsetenv("__LMOD_STACK_PIP_USER")
    pushenv("PIP_USER", before)
  end
  pushenv("PIP_USER", false)
end
if mode() == "unload" then
  if os.getenv("__LMOD_STACK_PYTHONNOUSERSITE") and os.getenv("STACKENV_ENVIRONMENT") == "myenv/1.0" then
    local _, left = os.getenv("__LMOD_STACK_PYTHONNOUSERSITE"):gsub(":", "")
    local ours = os.getenv("PYTHONNOUSERSITE") == "1"
    if ours then pushenv("PYTHONNOUSERSITE", "1") end
    -- What Lmod leaves there it would bring back at a later unload (Lmod #367, up to 8.7.59).
    if left < 2 or not ours then setenv("__LMOD_STACK_PYTHONNOUSERSITE", "") end
  end
elseif not (mode() == "load" and ((os.getenv("STACKENV_ENVIRONMENT") or "myenv/1.0") ~= "myenv/1.0" and isloaded(os.getenv("STACKENV_ENVIRONMENT")))) then
  local before = mode() == "load" and not os.getenv("__LMOD_STACK_PYTHONNOUSERSITE") and os.getenv("PYTHONNOUSERSITE")
  if before then
    -- In the Lmod that has just unloaded this module, in a reload, pushenv forgets what was there.
    unsetenv("__LMOD_STACK_PYTHONNOUSERSITE")
    pushenv("PYTHONNOUSERSITE", before)
  end
  pushenv("PYTHONNOUSERSITE", "1")
end
if mode() == "unload" then
  if os.getenv("__LMOD_STACK_R_HOME") and os.getenv("STACKENV_ENVIRONMENT") == "myenv/1.0" then
    local _, left = os.getenv("__LMOD_STACK_R_HOME"):gsub(":", "")
    local ours = os.getenv("R_HOME") == nil
    if ours then pushenv("R_HOME", false) end
    -- What Lmod leaves there it would bring back at a later unload (Lmod #367, up to 8.7.59).
    if left < 2 or not ours then setenv("__LMOD_STACK_R_HOME", "") end
  end
elseif not (mode() == "load" and ((os.getenv("STACKENV_ENVIRONMENT") or "myenv/1.0") ~= "myenv/1.0" and isloaded(os.getenv("STACKENV_ENVIRONMENT")))) and os.getenv("R_HOME") ~= nil then
  local before = mode() == "load" and not os.getenv("__LMOD_STACK_R_HOME") and os.getenv("R_HOME")
  if before then
    -- In the Lmod that has just unloaded this module, in a reload, pushenv forgets what was there.
    unsetenv("__LMOD_STACK_R_HOME")
    pushenv("R_HOME", before)
  end
  pushenv("R_HOME", false)
end
if mode() == "unload" then
  if os.getenv("__LMOD_STACK_GDAL_DATA") and os.getenv("STACKENV_ENVIRONMENT") == "myenv/1.0" then
    local _, left = os.getenv("__LMOD_STACK_GDAL_DATA"):gsub(":", "")
    local ours = os.getenv("GDAL_DATA") == "/conda/envs/myenv/share/gdal"
    if ours then pushenv("GDAL_DATA", "/conda/envs/myenv/share/gdal") end
    -- What Lmod leaves there it would bring back at a later unload (Lmod #367, up to 8.7.59).
    if left < 2 or not ours then setenv("__LMOD_STACK_GDAL_DATA", "") end
  end
elseif not (mode() == "load" and ((os.getenv("STACKENV_ENVIRONMENT") or "myenv/1.0") ~= "myenv/1.0" and isloaded(os.getenv("STACKENV_ENVIRONMENT")))) then
  local before = mode() == "load" and not os.getenv("__LMOD_STACK_GDAL_DATA") and os.getenv("GDAL_DATA")
  if before then
    -- In the Lmod that has just unloaded this module, in a reload, pushenv forgets what was there.
    unsetenv("__LMOD_STACK_GDAL_DATA")
    pushenv("GDAL_DATA", before)
  end
  pushenv("GDAL_DATA", "/conda/envs/myenv/share/gdal")
end
if mode() ~= "load" and os.getenv("PROJ_NETWORK") == "ON" or not os.getenv("PROJ_NETWORK") then
  setenv("PROJ_NETWORK", "ON")
end
prepend_path("XDG_DATA_DIRS", "/opt/share")
for _ = 1, mode() == "unload" and 9 or 0 do
  if not (":" .. (os.getenv("XDG_DATA_DIRS") or "") .. ":"):find(":" .. "/conda/envs/myenv/share" .. ":", 1, true) then break end
  remove_path("XDG_DATA_DIRS", "/conda/envs/myenv/share")
end
prepend_path("XDG_DATA_DIRS", "/conda/envs/myenv/share")
for _ = 1, mode() == "unload" and 9 or 0 do
  if not (":" .. (os.getenv("MANPATH") or "") .. ":"):find(":" .. "/conda/envs/myenv/man" .. ":", 1, true) then break end
  remove_path("MANPATH", "/conda/envs/myenv/man")
end
append_path("MANPATH", "/conda/envs/myenv/man")
if mode() == "load" and not (os.getenv("SLURM_JOB_ID") or os.getenv("PBS_JOBID")
    or os.getenv("LSB_JOBID") or os.getenv("PE_HOSTFILE")) then
  local function stackenv_notice(text, found)
    text = text:gsub("%%s", (found:gsub("[^%w/_.,:+=@ \128-\255-]", "_"):gsub("%%", "%%%%")))
    local by_shell = {
      sh = "if [ -t 2 ]; then printf '%s\n' '" .. text .. "' >&2; fi",
      -- csh redirects even where the condition is false, hence the eval; it has no word for stderr.
      csh = "if ( -t 2 ) eval \"echo '" .. text .. "' > /dev/tty\"",
      fish = "if test -t 2; printf '%s\n' '" .. text .. "' >&2; end",
    }
    local command = by_shell[myShellType()]
    if command then execute{cmd = command, modeA = {"load"}} end
  end
  local own, brought
  for entry in (os.getenv("PYTHONPATH") or ""):gmatch("[^:]+") do
    local module
    for _, loaded in ipairs(loaded_modules()) do
      local full = loaded.fullName or ""
      if full ~= "" and (entry .. "/"):find("/" .. full .. "/", 1, true) then module = full end
    end
    if module then brought = "by the module " .. module else own = own or entry end
  end
  if own then stackenv_notice("myenv/1.0: PYTHONPATH is set (%s) and comes before the packages of this conda environment, which needs no Python module; if an import goes wrong, unload that module", own) end
end
-- Shells that have loaded the module as stackenv 0.1 wrote it; not needed after 0.3.
if mode() == "unload" and os.getenv("STACKENV_ENVIRONMENT") == "myenv/1.0" then
  for _, name in ipairs({ "PIP_CONSTRAINT", "UV_CONSTRAINT" }) do
    local now, pushed = os.getenv(name) or "", os.getenv("STACKENV_" .. name) or ""
    local word, stack = pushed:match("^%S+"), "__LMOD_STACK_" .. name
    if word then
      if (" " .. now .. " "):find(" " .. word .. " ", 1, true) then
        -- What the user has added since stays, but for values with //, of which Lmod makes one.
        if os.getenv(stack) and (now == pushed or now:find("//", 1, true)) then
          pushenv(name, "")
        else
          prepend_path(name, word, " ")
        end
      end
      setenv("STACKENV_" .. name, "")
      if os.getenv(stack) then setenv(stack, "") end
    end
  end
end
-- While Lmod exchanges two of the family, the first keeps the charge until it is unloaded.
if mode() == "load" and not ((os.getenv("STACKENV_ENVIRONMENT") or "myenv/1.0") ~= "myenv/1.0" and isloaded(os.getenv("STACKENV_ENVIRONMENT")))
    or mode() == "unload" and os.getenv("STACKENV_ENVIRONMENT") == "myenv/1.0"
    or mode() ~= "load" and mode() ~= "unload" then
  setenv("STACKENV_ENVIRONMENT", "myenv/1.0")
end

if myShellType() == "sh" then
  execute{cmd = [[
case "$(command -v deactivate 2>/dev/null || :)" in
"" | /*)
    _STACKENV_DEACTIVATE=myenv/1.0
    eval 'deactivate() { [ "${1-}" = nondestructive ] || module unload "$_STACKENV_DEACTIVATE"; }'
    ;;
esac]], modeA = {"load"}}
end
if myShellType() == "sh" then
  execute{cmd = [[
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
fi]], modeA = {"unload"}}
end
if myShellType() == "csh" then
  execute{cmd = "if ( -r '/conda/envs/myenv/stackenv/load.csh' ) source '/conda/envs/myenv/stackenv/load.csh'", modeA = {"load"}}
end
if myShellType() == "csh" then
  execute{cmd = "if ( -r '/conda/envs/myenv/stackenv/unload.csh' ) source '/conda/envs/myenv/stackenv/unload.csh'; if ( $?_STACKENV_DEACTIVATE ) eval 'if ( \"`alias deactivate`\" == \"$_STACKENV_DEACTIVATE\" ) unalias deactivate'; if ( $?_STACKENV_PRECMD ) eval 'if ( \"`alias precmd`\" == \"$_STACKENV_PRECMD\" ) unalias precmd'; unset _STACKENV_DEACTIVATE _STACKENV_VENV _STACKENV_VENV_PROMPT _STACKENV_LOAD _STACKENV_PRECMD; if ( ! $?STACKENV_CONDA_ENV ) unsetenv STACKENV_CONDA_BASE", modeA = {"unload"}}
end
if myShellType() == "fish" then
  execute{cmd = [[
if not functions -q deactivate
    function deactivate
        if test "$argv[1]" != nondestructive
            module unload $_STACKENV_DEACTIVATE
        end
    end
    set -g _STACKENV_DEACTIVATE 'myenv/1.0'
end]], modeA = {"load"}}
end
if myShellType() == "fish" then
  execute{cmd = [[
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
end]], modeA = {"unload"}}
end

help([[
myenv/1.0: personal conda environment on Anaconda3/2024.02-1

    environment  /conda/envs/myenv
    modules      Anaconda3/2024.02-1

Use it, in a shell or in a job script:

    module use /home/user/modules; module load myenv/1.0

Leave it: deactivate, or module unload myenv. What it holds: stackenv info myenv/1.0
]])
