-- 5f0c7d2e-8a5b-4c36-9d0e-3b1f6a7c2e94 stackenv 0.1.0 sha256:17fd20f5f257a45f696573a09eabaf3d6883f9388bff02886c089d6aa250edda
-- One conda at a time.
family("conda")
if mode() == "load" and ({ ["bare"] = true, ["rc"] = true })[myShellName()] then
  LmodError("Anaconda3 has no `conda` for this shell")
end

-- What unload brings back: no conda, or another one.
local stackenv_reloaded = os.getenv("STACKENV_CONDA_BEFORE") ~= nil
if mode() == "load" and not stackenv_reloaded then
  local exe, level = os.getenv("CONDA_EXE"), os.getenv("CONDA_SHLVL")
  local name = os.getenv("CONDA_DEFAULT_ENV")
  -- The environment of a personal module is no other conda's.
  if (exe or level) and not os.getenv("STACKENV_CONDA_ENV") then
    level = tonumber(level or "") and level or ""
    setenv("STACKENV_CONDA_BEFORE", string.format("%s:%s:%s", level, exe or "", name or ""))
  else
    setenv("STACKENV_CONDA_BEFORE", "clean")
  end
end

prepend_path("PATH", "/software/Anaconda3/2024.02-1/libexec/stackenv/pip")
prepend_path("PATH", "/software/Anaconda3/2024.02-1/bin")
prepend_path("PATH", "/software/Anaconda3/2024.02-1/condabin")
prepend_path("PATH", "/software/Anaconda3/2024.02-1/libexec/stackenv/condabin")
-- The base is on PATH while no environment is active.
if mode() == "load" then
  local root = "/software/Anaconda3/2024.02-1"
  local active = tonumber(os.getenv("CONDA_SHLVL") or "") or 0
  -- An environment takes the place on PATH of the one below it, or, stacked, stands in front of it.
  local visible, base_visible = {}, true and active == 0
  for level = 1, active do
    local prefix = os.getenv(level == active and "CONDA_PREFIX" or "CONDA_PREFIX_" .. level)
    local stacked = os.getenv("CONDA_STACKED_" .. level) == "true" or #visible == 0
    visible[stacked and #visible + 1 or #visible] = prefix or ""
  end
  for _, prefix in ipairs(visible) do base_visible = base_visible or prefix == root end
  -- Lmod counts how often an entry was put there: EasyBuild's part has done so too.
  for _ = 1, base_visible and 0 or 9 do
    if not (":" .. (os.getenv("PATH") or "") .. ":"):find(":" .. root .. "/bin:", 1, true) then break end
    remove_path("PATH", root .. "/bin")
  end
  -- Lmod has just put this module in front of the environments that a reload keeps.
  local our_pip = root .. "/libexec/stackenv/pip"
  -- What has a priority on PATH, such as a personal module's, keeps it.
  local function rank(entry)
    local ranked = os.getenv("__LMOD_Priority_PATH") or ""
    return ranked:find(entry .. ":", 1, true) and 100 or 0
  end
  local keeps = stackenv_reloaded or os.getenv("STACKENV_CONDA_ENV")
  for number, prefix in ipairs(keeps and visible or {}) do
    -- Our `pip` stands right behind the environment; taken out first, for Lmod counts.
    if number == #visible and prefix ~= os.getenv("STACKENV_CONDA_ENV") then
      remove_path("PATH", our_pip)
      prepend_path{"PATH", our_pip, priority = rank(our_pip)}
    end
    if prefix ~= "" then prepend_path{"PATH", prefix .. "/bin", priority = rank(prefix .. "/bin")} end
  end
end

-- Where packages and environments go.
local stackenv_places = {
  { parent = { { variable = "WORKSPACE" } }, environments = "conda/envs", packages = "conda/pkgs" },
  { parent = { { variable = "HOME" } }, environments = "conda/envs", packages = "conda/pkgs" },
}
-- The first place whose variables are set and whose parent exists. A path that a list variable or a
-- shell would split is none.
local function stackenv_usable_place()
  for _, place in ipairs(stackenv_places) do
    local path = ""
    for _, part in ipairs(place.parent) do
      local text = part
      if type(part) == "table" then text = os.getenv(part.variable) end
      if not text or text == "" then path = nil break end
      path = path .. text
    end
    if path and path:sub(1, 1) == "/" and not path:find("[%c:,]") and isDir(path) then
      path = path:gsub("/+$", "")
      return path .. "/" .. place.environments, path .. "/" .. place.packages
    end
  end
end
-- Over another module of the family Lmod loads this one, unloads both, and loads this one again.
local stackenv_over = os.getenv("STACKENV_CONDA_ROOT")
if mode() == "load" and (not stackenv_over or stackenv_over == "/software/Anaconda3/2024.02-1") then
  local environments, packages = stackenv_usable_place()
  local listed = os.getenv("CONDA_ENVS_PATH") or ""
  local ours = os.getenv("STACKENV_CONDA_ENVS")
  -- conda refuses to run with both CONDA_ENVS_PATH and CONDA_ENVS_DIRS.
  if environments and not os.getenv("CONDA_ENVS_DIRS")
      and (ours == environments or not (":" .. listed .. ":"):find(":" .. environments .. ":", 1, true)) then
    append_path("CONDA_ENVS_PATH", environments)
    setenv("STACKENV_CONDA_ENVS", environments)
  end
  local set = os.getenv("CONDA_PKGS_DIRS")
  if packages and (not set or set == os.getenv("STACKENV_CONDA_PKGS")) then
    setenv("CONDA_PKGS_DIRS", packages)
    setenv("STACKENV_CONDA_PKGS", packages)
  end
elseif mode() == "unload" then
  local environments, packages = os.getenv("STACKENV_CONDA_ENVS"), os.getenv("STACKENV_CONDA_PKGS")
  if environments then
    append_path("CONDA_ENVS_PATH", environments)
    setenv("STACKENV_CONDA_ENVS", environments)
  end
  if packages then
    if os.getenv("CONDA_PKGS_DIRS") == packages then setenv("CONDA_PKGS_DIRS", packages) end
    setenv("STACKENV_CONDA_PKGS", packages)
  end
end

setenv("STACKENV_CONDA_ROOT", "/software/Anaconda3/2024.02-1")
setenv("CONDA_EXE", "/software/Anaconda3/2024.02-1/bin/conda")
setenv("CONDA_PYTHON_EXE", "/software/Anaconda3/2024.02-1/bin/python")

if myShellType() == "sh" then
  execute{cmd = [[
if __se_before=$(alias conda 2>/dev/null) && [ -n "$__se_before" ]; then
    _STACKENV_CONDA_ALIAS=${__se_before#alias }
    unalias conda
    if [ -t 2 ]; then printf '%s\n' 'Anaconda3: conda is the command of the module until it is unloaded, not your own alias or function' >&2; fi
fi
case ${KSH_VERSION-} in
    Version*) __se_before= ;;
    *) __se_before=$(typeset -f conda 2>/dev/null || :) ;;
esac
case ${STACKENV_CONDA_BEFORE-}:$__se_before in
    *__se_code* | *:) ;;
    clean:*)
        _STACKENV_CONDA_FUNCTION=$__se_before
        case $(declare -pF conda 2>/dev/null || :) in
            "declare -fx"*)
                _STACKENV_CONDA_FUNCTION="$__se_before
export -f conda"
                ;;
        esac
        if [ -t 2 ]; then printf '%s\n' 'Anaconda3: conda is the command of the module until it is unloaded, not your own alias or function' >&2; fi
        ;;
esac
unset __se_before
eval 'conda() {
    case "${1-}" in
        activate | deactivate | init | install | update | upgrade | remove | uninstall | shell.*) ;;
        *)
            case "${CONDA_PREFIX:+${PYTHONPATH-}}" in
                "" | "${STACKENV_PYTHONPATH_SEEN-}") ;;
                *)
                    case ${STACKENV_CONDA_ENV-}:base,hide,hide-modules in
                        "$CONDA_PREFIX":*) ;;
                        *hide-modules*) /software/Anaconda3/2024.02-1/bin/python -I /software/Anaconda3/2024.02-1/libexec/stackenv/activation.py sh base,hide,hide-modules notice || : ;;
                    esac
                    ;;
            esac
            ;;
    esac
    case "${1-}" in
        activate | deactivate) ;;
        init)
            /software/Anaconda3/2024.02-1/libexec/stackenv/conda-init "$@"
            return
            ;;
        run | env | create | rename | -*)
            /software/Anaconda3/2024.02-1/libexec/stackenv/condabin/conda "$@"
            return
            ;;
        install | update | upgrade | remove | uninstall)
            /software/Anaconda3/2024.02-1/libexec/stackenv/condabin/conda "$@" || return
            case "${CONDA_SHLVL:-0}" in 0) return 0 ;; esac
            set -- reactivate
            ;;
        shell.*)
            case "${2-}" in hook) return 0 ;; esac
            /software/Anaconda3/2024.02-1/bin/python -I /software/Anaconda3/2024.02-1/bin/conda "$@"
            return
            ;;
        *)
            /software/Anaconda3/2024.02-1/bin/python -I /software/Anaconda3/2024.02-1/bin/conda "$@"
            return
            ;;
    esac
    __se_code=$(STACKENV_PROMPT="${PS1+=$PS1}" /software/Anaconda3/2024.02-1/bin/python -I /software/Anaconda3/2024.02-1/libexec/stackenv/activation.py sh base,hide,hide-modules "$@") || {
        set -- "$?"
        unset __se_code
        return "$1"
    }
    __se_flags=$-
    set +eu
    eval "$__se_code" || :
    case $__se_flags in *e*) set -e ;; esac
    case $__se_flags in *u*) set -u ;; esac
    unset __se_code __se_flags
}']], modeA = {"load"}}
  execute{cmd = [[
case ${KSH_VERSION-} in
    Version*) __se_before= ;;
    *) __se_before=$(typeset -f conda 2>/dev/null || :) ;;
esac
case $__se_before in
    "" | *__se_code* | *CONDA_EXE* | *__conda_exe*)
        unset -f conda 2>/dev/null || :
        if [ -n "${_STACKENV_CONDA_FUNCTION-}" ]; then
            eval "$_STACKENV_CONDA_FUNCTION"
        fi
        ;;
esac
if [ -n "${_STACKENV_CONDA_ALIAS-}" ]; then
    eval "alias $_STACKENV_CONDA_ALIAS"
fi
unset _STACKENV_CONDA_ALIAS _STACKENV_CONDA_FUNCTION __se_before]], modeA = {"unload"}}
elseif myShellType() == "csh" then
  execute{cmd = "if ( \"`alias conda`\" != 'source \"/software/Anaconda3/2024.02-1/libexec/stackenv/conda.csh\"' && \"`alias conda`\" != \"\" && -t 2 ) eval \"echo 'Anaconda3: conda is the command of the module until it is unloaded, not your own alias or function' > /dev/tty\"; if ( \"`alias conda`\" != 'source \"/software/Anaconda3/2024.02-1/libexec/stackenv/conda.csh\"' ) set _STACKENV_CONDA_ALIAS = \"`alias conda`\"; alias conda 'source \"/software/Anaconda3/2024.02-1/libexec/stackenv/conda.csh\"'", modeA = {"load"}}
  execute{cmd = "unalias conda; if ( ! $?_STACKENV_CONDA_ALIAS ) set _STACKENV_CONDA_ALIAS; if ( \"$_STACKENV_CONDA_ALIAS\" != \"\" ) alias conda \"$_STACKENV_CONDA_ALIAS\"; unset _STACKENV_CONDA_ALIAS", modeA = {"unload"}}
elseif myShellType() == "fish" then
  execute{cmd = [[
if functions -q conda; and not functions conda | string match -q '*__se_code*'
    functions -e __stackenv_conda_before
    functions -c conda __stackenv_conda_before
    if test -t 2; and test "$STACKENV_CONDA_BEFORE" = clean
        printf '%s\n' 'Anaconda3: conda is the command of the module until it is unloaded, not your own alias or function' >&2
    end
end
function conda
    switch "$argv[1]"
        case activate deactivate init install update upgrade remove uninstall 'shell.*'
        case '*'
            if string match -q '*hide-modules*' -- 'base,hide,hide-modules'; and test -n "$CONDA_PREFIX" -a -n "$PYTHONPATH"
                if test "$PYTHONPATH" != "$STACKENV_PYTHONPATH_SEEN" -a "$CONDA_PREFIX" != "$STACKENV_CONDA_ENV"
                    '/software/Anaconda3/2024.02-1/bin/python' -I '/software/Anaconda3/2024.02-1/libexec/stackenv/activation.py' fish 'base,hide,hide-modules' notice
                end
            end
    end
    switch "$argv[1]"
        case activate deactivate
        case init
            '/software/Anaconda3/2024.02-1/libexec/stackenv/conda-init' $argv
            return
        case run env create rename '-*'
            '/software/Anaconda3/2024.02-1/libexec/stackenv/condabin/conda' $argv
            return
        case install update upgrade remove uninstall
            '/software/Anaconda3/2024.02-1/libexec/stackenv/condabin/conda' $argv
            or return
            test "$CONDA_SHLVL" -gt 0 2>/dev/null
            or return 0
            set argv reactivate
        case 'shell.*'
            test "$argv[2]" = hook
            and return 0
            '/software/Anaconda3/2024.02-1/bin/python' -I '/software/Anaconda3/2024.02-1/bin/conda' $argv
            return
        case '*'
            '/software/Anaconda3/2024.02-1/bin/python' -I '/software/Anaconda3/2024.02-1/bin/conda' $argv
            return
    end
    status is-interactive
    and set -lx STACKENV_PROMPT =
    set -l __se_code ('/software/Anaconda3/2024.02-1/bin/python' -I '/software/Anaconda3/2024.02-1/libexec/stackenv/activation.py' fish 'base,hide,hide-modules' $argv)
    or return
    string join \n -- $__se_code | source
    return 0
end]], modeA = {"load"}}
  execute{cmd = [[
if not functions -q conda; or functions conda | string match -qr '__se_code|CONDA_EXE'
    functions -e conda
    if functions -q __stackenv_conda_before
        functions -c __stackenv_conda_before conda
    end
end
functions -e __stackenv_conda_before]], modeA = {"unload"}}
end
if myShellName() == "bash" then
  execute{cmd = [[
export -f conda
if [ "${STACKENV_CONDA_BEFORE-}" = clean ]; then
    declare -F __conda_activate >/dev/null || __conda_activate() { :; }
    declare -F __conda_reactivate >/dev/null || __conda_reactivate() { :; }
    declare -F __conda_exe >/dev/null || __conda_exe() { :; }
    declare -F __conda_hashr >/dev/null || __conda_hashr() { :; }
    export -f __conda_activate __conda_reactivate __conda_exe __conda_hashr
fi]], modeA = {"load"}}
end

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
  if own then stackenv_notice("Anaconda3: PYTHONPATH is set (%s) and comes before the packages of every conda environment; if an import goes wrong, unload that module or unset PYTHONPATH", own) end
  if brought and not own then stackenv_notice("Anaconda3: PYTHONPATH is set (%s); the python of base imports those packages, an activated environment does not", brought) end
  local level, exe = (os.getenv("STACKENV_CONDA_BEFORE") or ""):match("^(%d+):([^:]*)")
  if not stackenv_reloaded and (tonumber(level or "") or 0) > 0 and exe ~= "/software/Anaconda3/2024.02-1/bin/conda" then
    stackenv_notice("Anaconda3: the environment %s of another conda is active in this shell, perhaps from a conda init block in a start-up file; python stays that one until you type: conda deactivate", os.getenv("CONDA_DEFAULT_ENV") or "")
  end
  if not os.getenv("STACKENV_CONDA_ENVS") and not os.getenv("CONDA_ENVS_PATH")
      and not os.getenv("CONDA_ENVS_DIRS") then
    stackenv_notice("Anaconda3: none of the places that this site gives to conda environments can be used now; they go where conda puts them by itself, the folder .conda in your home", "")
  end
end

-- Leave the environments that were activated after the load.
if mode() == "unload" and not isFile("/software/Anaconda3/2024.02-1/bin/python") then
  local active = tonumber(os.getenv("CONDA_SHLVL") or "") or 0
  local before = tonumber((os.getenv("STACKENV_CONDA_BEFORE") or ""):match("^(%d+):") or "") or 0
  for level = before + 1, active do
    local variable = level == active and "CONDA_PREFIX" or "CONDA_PREFIX_" .. level
    local prefix = os.getenv(variable)
    -- In this mode Lmod undoes what it reads.
    if prefix then prepend_path("PATH", prefix .. "/bin") end
    setenv(variable, "")
    if os.getenv("CONDA_STACKED_" .. level) then setenv("CONDA_STACKED_" .. level, "") end
  end
  setenv("STACKENV_CONDA_BEFORE", "")
  if active > before then
    setenv("CONDA_SHLVL", "")
    setenv("CONDA_DEFAULT_ENV", "")
    setenv("CONDA_PROMPT_MODIFIER", "")
    if os.getenv("STACKENV_USER_SITE") then
      setenv("STACKENV_USER_SITE", "")
      setenv("PYTHONNOUSERSITE", "")
    end
    if os.getenv("STACKENV_PIP_GUARD") then
      setenv("STACKENV_PIP_GUARD", "")
      setenv("PIP_REQUIRE_VIRTUALENV", "")
    end
    if os.getenv("STACKENV_PIP_USER") then
      setenv("STACKENV_PIP_USER", "")
      setenv("PIP_USER", "")
    end
    for _, name in ipairs({ "STACKENV_HIDDEN_STATE", "STACKENV_PYTHONPATH_SEEN", "STACKENV_VENV_ASIDE" }) do
      if os.getenv(name) then setenv(name, "") end
    end
    if myShellType() == "sh" then
      execute{cmd = "if [ -n \"${STACKENV_HIDDEN_PYTHONPATH:+${LOADEDMODULES-}}\" ]; then PYTHONPATH=$STACKENV_HIDDEN_PYTHONPATH; export PYTHONPATH; fi; unset STACKENV_HIDDEN_PYTHONPATH", modeA = {"unload"}}
    end
    if myShellType() == "sh" then
      execute{cmd = "if [ -n \"${STACKENV_HIDDEN_EBPYTHONPREFIXES:+${LOADEDMODULES-}}\" ]; then EBPYTHONPREFIXES=$STACKENV_HIDDEN_EBPYTHONPREFIXES; export EBPYTHONPREFIXES; fi; unset STACKENV_HIDDEN_EBPYTHONPREFIXES", modeA = {"unload"}}
    end
    if myShellType() == "csh" then
      execute{cmd = "if ( ! $?STACKENV_HIDDEN_PYTHONPATH ) setenv STACKENV_HIDDEN_PYTHONPATH; if ( \"$STACKENV_HIDDEN_PYTHONPATH\" != \"\" && $?LOADEDMODULES ) setenv PYTHONPATH \"$STACKENV_HIDDEN_PYTHONPATH\"; unsetenv STACKENV_HIDDEN_PYTHONPATH", modeA = {"unload"}}
    end
    if myShellType() == "csh" then
      execute{cmd = "if ( ! $?STACKENV_HIDDEN_EBPYTHONPREFIXES ) setenv STACKENV_HIDDEN_EBPYTHONPREFIXES; if ( \"$STACKENV_HIDDEN_EBPYTHONPREFIXES\" != \"\" && $?LOADEDMODULES ) setenv EBPYTHONPREFIXES \"$STACKENV_HIDDEN_EBPYTHONPREFIXES\"; unsetenv STACKENV_HIDDEN_EBPYTHONPREFIXES", modeA = {"unload"}}
    end
    if myShellType() == "fish" then
      execute{cmd = "set -q STACKENV_HIDDEN_PYTHONPATH; and set -q LOADEDMODULES; and set -gx PYTHONPATH \"$STACKENV_HIDDEN_PYTHONPATH\"; set -e STACKENV_HIDDEN_PYTHONPATH", modeA = {"unload"}}
    end
    if myShellType() == "fish" then
      execute{cmd = "set -q STACKENV_HIDDEN_EBPYTHONPREFIXES; and set -q LOADEDMODULES; and set -gx EBPYTHONPREFIXES \"$STACKENV_HIDDEN_EBPYTHONPREFIXES\"; set -e STACKENV_HIDDEN_EBPYTHONPREFIXES", modeA = {"unload"}}
    end
    LmodMessage("/software/Anaconda3/2024.02-1 is gone: its environments were left without their own scripts; a new shell is clean")
  end
end
if myShellType() == "sh" then
  execute{cmd = [[
if [ "${STACKENV_CONDA_ROOT-}" != /software/Anaconda3/2024.02-1 ]; then
    __se_before=${STACKENV_CONDA_BEFORE:-clean}
    case $__se_before in clean) __se_level=0 ;; *) __se_level=${__se_before%%:*} ;; esac
    if [ -n "${STACKENV_CONDA_ENV-}" ]; then __se_level=1; fi
    __se_command=deactivate
    while [ "${CONDA_SHLVL:-0}" -gt "${__se_level:-0}" ]; do
        __se_was=$CONDA_SHLVL
        __se_code=$(STACKENV_PROMPT="${PS1+=$PS1}" /software/Anaconda3/2024.02-1/bin/python -I /software/Anaconda3/2024.02-1/libexec/stackenv/activation.py sh base,hide,hide-modules "$__se_command") ||
            __se_code=
        __se_flags=$-
        set +eu
        eval "$__se_code" || :
        case $__se_flags in *e*) set -e ;; esac
        case $__se_flags in *u*) set -u ;; esac
        if [ "${CONDA_SHLVL:-0}" = "$__se_was" ]; then
            if [ "$__se_command" = leave ]; then break; fi
            __se_command=leave
        fi
    done
    if [ -n "${STACKENV_USER_SITE-}${STACKENV_PIP_GUARD-}${STACKENV_PIP_USER-}${STACKENV_HIDDEN_STATE-}${STACKENV_VENV_ASIDE-}" ]; then
        __se_code=$(/software/Anaconda3/2024.02-1/bin/python -I /software/Anaconda3/2024.02-1/libexec/stackenv/activation.py sh base,hide,hide-modules bring-back) || __se_code=
        eval "$__se_code" || :
    fi
    case $__se_before in
        clean)
            if [ -z "${STACKENV_CONDA_ENV-}" ]; then
                unset CONDA_SHLVL CONDA_PREFIX CONDA_DEFAULT_ENV CONDA_PROMPT_MODIFIER
                unset CONDA_PREFIX_1 CONDA_PREFIX_2 CONDA_PREFIX_3
            fi
            unset _CE_M _CE_CONDA _CONDA_ROOT _CONDA_EXE
            if [ -z "${STACKENV_CONDA_ROOT-}" ]; then
                unset CONDA_EXE CONDA_PYTHON_EXE
            fi
            unset -f __conda_activate __conda_deactivate __conda_reactivate __conda_exe \
                __conda_hashr __add_sys_prefix_to_path 2>/dev/null || :
            __se_path=:$PATH:
            for __se_folder in bin condabin; do
                __se_folder=/software/Anaconda3/2024.02-1/$__se_folder
                while :; do
                    case $__se_path in
                        *":$__se_folder:"*)
                            __se_path=${__se_path%%":$__se_folder:"*}:${__se_path#*":$__se_folder:"}
                            ;;
                        *) break ;;
                    esac
                done
            done
            __se_path=${__se_path#:}
            PATH=${__se_path%:}
            if [ -n "${BASH_VERSION-}" ] && [ -z "${PS1-set}" ]; then
                unset PS1
            fi
            unset __se_path __se_folder
            ;;
        *)
            __se_other=${__se_before#*:}
            __se_other=${__se_other%%:*}
            if [ -z "$__se_level" ]; then
                unset CONDA_SHLVL
            fi
            if [ -z "${STACKENV_CONDA_ROOT-}" ] && [ -n "$__se_other" ]; then
                CONDA_EXE=$__se_other
                CONDA_PYTHON_EXE=${__se_other%/*}/python
                export CONDA_EXE CONDA_PYTHON_EXE
                if [ -r "${__se_other%/bin/conda}/etc/profile.d/conda.sh" ]; then
                    . "${__se_other%/bin/conda}/etc/profile.d/conda.sh"
                fi
            fi
            ;;
    esac
    if [ -z "${STACKENV_CONDA_ROOT-}" ]; then
        unset STACKENV_CONDA_BEFORE
    fi
    unset __se_before __se_level __se_code __se_flags __se_other __se_command __se_was
fi]], modeA = {"unload"}}
elseif myShellType() == "csh" then
  execute{cmd = "if ( -r \"/software/Anaconda3/2024.02-1/libexec/stackenv/unload.csh\" ) source \"/software/Anaconda3/2024.02-1/libexec/stackenv/unload.csh\"", modeA = {"unload"}}
elseif myShellType() == "fish" then
  execute{cmd = [[
if test "$STACKENV_CONDA_ROOT" != '/software/Anaconda3/2024.02-1'
    set -l __se_level 0
    set -l __se_before clean
    if set -q STACKENV_CONDA_BEFORE
        set __se_before $STACKENV_CONDA_BEFORE
    end
    if test "$__se_before" != clean
        set __se_level (string split -m 1 : -- $__se_before)[1]
        test -n "$__se_level"
        or set __se_level 0
    end
    set -q STACKENV_CONDA_ENV
    and set __se_level 1
    set -l __se_interactive
    status is-interactive
    and set __se_interactive =
    set -l __se_command deactivate
    while test "$CONDA_SHLVL" -gt "$__se_level" 2>/dev/null
        set -l __se_was $CONDA_SHLVL
        set -lx STACKENV_PROMPT $__se_interactive
        set -l __se_code ('/software/Anaconda3/2024.02-1/bin/python' -I '/software/Anaconda3/2024.02-1/libexec/stackenv/activation.py' fish 'base,hide,hide-modules' $__se_command)
        and string join \n -- $__se_code | source
        if test "$CONDA_SHLVL" = "$__se_was"
            if test $__se_command = leave
                break
            end
            set __se_command leave
        end
    end
    if set -q STACKENV_USER_SITE; or set -q STACKENV_PIP_GUARD; or set -q STACKENV_PIP_USER
        or set -q STACKENV_HIDDEN_STATE; or set -q STACKENV_VENV_ASIDE
        '/software/Anaconda3/2024.02-1/bin/python' -I '/software/Anaconda3/2024.02-1/libexec/stackenv/activation.py' fish 'base,hide,hide-modules' bring-back | source
    end
    if test "$__se_before" = clean
        if not set -q STACKENV_CONDA_ENV
            for __se_name in (set -xn | string match -r '^CONDA_(?:SHLVL|PREFIX|PREFIX_\d+|DEFAULT_ENV|PROMPT_MODIFIER)$')
                set -e $__se_name
            end
        end
        set -e _CE_M
        set -e _CE_CONDA
        set -e _CONDA_ROOT
        set -e _CONDA_EXE
        if not set -q STACKENV_CONDA_ROOT
            set -e CONDA_EXE
            set -e CONDA_PYTHON_EXE
        end
        for __se_side in fish_prompt fish_right_prompt
            set -l __se_own (string replace fish_ __fish_ -- $__se_side)_orig
            if functions -q $__se_own
                functions -e $__se_side
                if test (functions $__se_own | string match -rv '^\s*(#.*)?$' | count) -gt 2
                    functions -c $__se_own $__se_side
                end
                functions -e $__se_own
            end
        end
        functions -e __conda_add_prompt return_last_status
        for __se_folder in '/software/Anaconda3/2024.02-1'/bin '/software/Anaconda3/2024.02-1'/condabin
            while set -l __se_index (contains -i -- $__se_folder $PATH)
                set -e PATH[$__se_index]
            end
        end
    else if not set -q STACKENV_CONDA_ROOT
        set -l __se_other (string split -m 2 : -- $__se_before)[2]
        if test -n "$__se_other"
            set -gx CONDA_EXE $__se_other
            set -gx CONDA_PYTHON_EXE (string replace -r '/conda$' /python -- $__se_other)
            set -l __se_hook (string replace -r '/bin/conda$' /etc/fish/conf.d/conda.fish -- $__se_other)
            if test -r "$__se_hook"
                source $__se_hook
            end
        end
    end
    if not set -q STACKENV_CONDA_ROOT
        set -e STACKENV_CONDA_BEFORE
    end
    true
end]], modeA = {"unload"}}
elseif mode() == "unload" then
  -- Programs that drive Lmod (EasyBuild, Jupyter) run no shell code.
  setenv("STACKENV_CONDA_BEFORE", "")
end

help([[
Anaconda3/2024.02-1 gives the command `conda` in this shell: no `conda init`, in scripts and jobs too.

    conda create --name myenv python       make an environment
    conda activate myenv                   use it, here or in a job script
    conda deactivate                       leave it

In a job script: `module load Anaconda3/2024.02-1`, then `conda activate myenv`.
Unloading the module leaves every environment and undoes everything.
]])
