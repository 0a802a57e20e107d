-- 5f0c7d2e-8a5b-4c36-9d0e-3b1f6a7c2e94 stackenv 0.2.0 sha256:3ad57628d284abe8aed39682cfa56dd6442efb888ade20c0589056e0a5e6afb5
local root = "/software/Anaconda3/2024.02-1"
local loading, unloading = mode() == "load", mode() == "unload"
local reloaded = os.getenv("STACKENV_CONDA_BEFORE") ~= nil
local active_level, active_prefix, base_path, deactivate_missing_conda, expand_path, fill_in, lists, notice, notice_no_place, notice_other_conda, notice_pythonpath, refuse_shells, remove_entry, require_installed, run_in_shell, save_prior_conda, storage_places, store_environments, store_packages, take_noted, unset_without_shell, usable_place, visible_prefixes

-- What the module does, in order; the functions that it defines itself follow.
local function main()
  -- Requires a complete installation; only one conda can be loaded.
  require_installed(root .. "/libexec/stackenv/activation.py", "Anaconda3/2024.02-1 cannot be loaded on this node: its file /software/Anaconda3/2024.02-1/libexec/stackenv/activation.py is missing. Please tell your site's support. For them: if each CPU type has its own software tree, each must be completed on a node that has it, by the EasyBuild hooks (--module-only --force) or by `stackenv site install`")
  family("conda")
  refuse_shells({ "bare", "rc" }, "Anaconda3 has no `conda` for this shell")
  -- Saves what an unload restores: no conda, or another one.
  save_prior_conda()
  prepend_path("PATH", root .. "/libexec/stackenv/pip")
  prepend_path("PATH", root .. "/bin")
  prepend_path("PATH", root .. "/condabin")
  prepend_path("PATH", root .. "/libexec/stackenv/condabin")
  base_path(true, 100)
  -- Where packages and environments go.
  storage_places({ { parent = { { variable = "WORKSPACE" } }, environments = "conda/envs", packages = "conda/pkgs" }, { parent = { { variable = "HOME" } }, environments = "conda/envs", packages = "conda/pkgs" } })
  setenv("STACKENV_CONDA_ROOT", root)
  setenv("CONDA_EXE", root .. "/bin/conda")
  setenv("CONDA_PYTHON_EXE", root .. "/bin/python")
  run_in_shell("load", {
    sh = [[
if __se_before=$(alias conda 2>/dev/null) && [ -n "$__se_before" ]; then
    _STACKENV_CONDA_ALIAS=${__se_before#alias }
    unalias conda
    if [ -t 2 ]; then printf '%s\n' 'Anaconda3: until you unload this module, conda is the command of the module, not your own alias or function' >&2; fi
fi
case ${KSH_VERSION-} in
    Version*) __se_before= ;;
    *) __se_before=$(typeset -f conda 2>/dev/null || :) ;;
esac
case ${STACKENV_CONDA_BEFORE-clean}:$__se_before in
    *__se_code* | *:) ;;
    clean:*)
        _STACKENV_CONDA_FUNCTION=$__se_before
        case $(declare -pF conda 2>/dev/null || :) in
            "declare -fx"*)
                _STACKENV_CONDA_FUNCTION="$__se_before
export -f conda"
                ;;
        esac
        if [ -t 2 ]; then printf '%s\n' 'Anaconda3: until you unload this module, conda is the command of the module, not your own alias or function' >&2; fi
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
                        *hide-modules*) /software/Anaconda3/2024.02-1/bin/python -ISB /software/Anaconda3/2024.02-1/libexec/stackenv/activation.py sh base,hide,hide-modules notice || : ;;
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
    __se_code=$(STACKENV_PROMPT="${PS1+=$PS1}" /software/Anaconda3/2024.02-1/bin/python -ISB /software/Anaconda3/2024.02-1/libexec/stackenv/activation.py sh base,hide,hide-modules "$@") || {
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
}']],
    csh = "if ( \"`alias conda`\" != 'source \"/software/Anaconda3/2024.02-1/libexec/stackenv/conda.csh\"' && \"`alias conda`\" != \"\" && -t 2 ) eval \"echo 'Anaconda3: until you unload this module, conda is the command of the module, not your own alias or function' > /dev/tty\"; if ( \"`alias conda`\" != 'source \"/software/Anaconda3/2024.02-1/libexec/stackenv/conda.csh\"' ) set _STACKENV_CONDA_ALIAS = \"`alias conda`\"; alias conda 'source \"/software/Anaconda3/2024.02-1/libexec/stackenv/conda.csh\"'",
    fish = [[
if functions -q conda; and not functions conda | string match -q '*__se_code*'
    functions -e __stackenv_conda_before
    functions -c conda __stackenv_conda_before
    if test -t 2; and string match -qr '^(clean)?$' -- "$STACKENV_CONDA_BEFORE"
        printf '%s\n' 'Anaconda3: until you unload this module, conda is the command of the module, not your own alias or function' >&2
    end
end
eval 'function conda
    switch "$argv[1]"
        case activate deactivate init install update upgrade remove uninstall \'shell.*\'
        case \'*\'
            if string match -q \'*hide-modules*\' -- \'base,hide,hide-modules\'; and test -n "$CONDA_PREFIX" -a -n "$PYTHONPATH"
                if test "$PYTHONPATH" != "$STACKENV_PYTHONPATH_SEEN" -a "$CONDA_PREFIX" != "$STACKENV_CONDA_ENV"
                    \'/software/Anaconda3/2024.02-1/bin/python\' \'-ISB\' \'/software/Anaconda3/2024.02-1/libexec/stackenv/activation.py\' fish \'base,hide,hide-modules\' notice
                end
            end
    end
    switch "$argv[1]"
        case activate deactivate
        case init
            \'/software/Anaconda3/2024.02-1/libexec/stackenv/conda-init\' $argv
            return
        case run env create rename \'-*\'
            \'/software/Anaconda3/2024.02-1/libexec/stackenv/condabin/conda\' $argv
            return
        case install update upgrade remove uninstall
            \'/software/Anaconda3/2024.02-1/libexec/stackenv/condabin/conda\' $argv
            or return
            test "$CONDA_SHLVL" -gt 0 2>/dev/null
            or return 0
            set argv reactivate
        case \'shell.*\'
            test "$argv[2]" = hook
            and return 0
            \'/software/Anaconda3/2024.02-1/bin/python\' -I \'/software/Anaconda3/2024.02-1/bin/conda\' $argv
            return
        case \'*\'
            \'/software/Anaconda3/2024.02-1/bin/python\' -I \'/software/Anaconda3/2024.02-1/bin/conda\' $argv
            return
    end
    status is-interactive
    and set -lx STACKENV_PROMPT =
    set -l __se_code (\'/software/Anaconda3/2024.02-1/bin/python\' \'-ISB\' \'/software/Anaconda3/2024.02-1/libexec/stackenv/activation.py\' fish \'base,hide,hide-modules\' $argv)
    or return
    string join \\n -- $__se_code | source
    return 0
end']],
  })
  run_in_shell("unload", {
    sh = [[
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
unset _STACKENV_CONDA_ALIAS _STACKENV_CONDA_FUNCTION __se_before]],
    csh = "unalias conda; if ( ! $?_STACKENV_CONDA_ALIAS ) set _STACKENV_CONDA_ALIAS; if ( \"$_STACKENV_CONDA_ALIAS\" != \"\" ) alias conda \"$_STACKENV_CONDA_ALIAS\"; unset _STACKENV_CONDA_ALIAS",
    fish = [[
if not functions -q conda; or functions conda | string match -qr '__se_code|CONDA_EXE'
    functions -e conda
    if functions -q __stackenv_conda_before
        functions -c __stackenv_conda_before conda
    end
end
functions -e __stackenv_conda_before]],
  })
  run_in_shell("load", {
    bash = [[
export -f conda
if [ "${STACKENV_CONDA_BEFORE-}" = clean ]; then
    declare -F __conda_activate >/dev/null || __conda_activate() { :; }
    declare -F __conda_reactivate >/dev/null || __conda_reactivate() { :; }
    declare -F __conda_exe >/dev/null || __conda_exe() { :; }
    declare -F __conda_hashr >/dev/null || __conda_hashr() { :; }
    export -f __conda_activate __conda_reactivate __conda_exe __conda_hashr
fi]],
  })
  notice_pythonpath("Anaconda3: PYTHONPATH is set (%s) and takes precedence over the packages of conda environments; if an import fails, unload that module or unset PYTHONPATH", "Anaconda3: PYTHONPATH is set (%s); the Python of base imports those packages, activated environments do not")
  notice_other_conda("Anaconda3: %s, an environment of another conda, is active in this shell, perhaps because of a conda init block in a start-up file; python belongs to it until you run: conda deactivate", root .. "/bin/conda")
  notice_no_place("Anaconda3: none of the folders of this site for conda environments is available; new environments go into the folder .conda in your home directory, the default of conda")
  -- Deactivates the environments that were activated after the load.
  deactivate_missing_conda("/software/Anaconda3/2024.02-1 no longer exists, so its environments were deactivated without running their scripts; start a new shell", {
    sh = [[
[ -z "${STACKENV_HIDDEN_PYTHONPATH:+${LOADEDMODULES-}}" ] || export PYTHONPATH="$STACKENV_HIDDEN_PYTHONPATH"
[ -z "${STACKENV_HIDDEN_EBPYTHONPREFIXES:+${LOADEDMODULES-}}" ] || export EBPYTHONPREFIXES="$STACKENV_HIDDEN_EBPYTHONPREFIXES"
unset STACKENV_HIDDEN_PYTHONPATH STACKENV_HIDDEN_EBPYTHONPREFIXES]],
    csh = "if ( ! $?STACKENV_HIDDEN_PYTHONPATH ) setenv STACKENV_HIDDEN_PYTHONPATH; if ( \"$STACKENV_HIDDEN_PYTHONPATH\" != \"\" && $?LOADEDMODULES ) setenv PYTHONPATH \"$STACKENV_HIDDEN_PYTHONPATH\"; unsetenv STACKENV_HIDDEN_PYTHONPATH; if ( ! $?STACKENV_HIDDEN_EBPYTHONPREFIXES ) setenv STACKENV_HIDDEN_EBPYTHONPREFIXES; if ( \"$STACKENV_HIDDEN_EBPYTHONPREFIXES\" != \"\" && $?LOADEDMODULES ) setenv EBPYTHONPREFIXES \"$STACKENV_HIDDEN_EBPYTHONPREFIXES\"; unsetenv STACKENV_HIDDEN_EBPYTHONPREFIXES",
    fish = [[
set -q STACKENV_HIDDEN_PYTHONPATH; and set -q LOADEDMODULES; and set -gx PYTHONPATH "$STACKENV_HIDDEN_PYTHONPATH"
set -q STACKENV_HIDDEN_EBPYTHONPREFIXES; and set -q LOADEDMODULES; and set -gx EBPYTHONPREFIXES "$STACKENV_HIDDEN_EBPYTHONPREFIXES"
set -e STACKENV_HIDDEN_PYTHONPATH
set -e STACKENV_HIDDEN_EBPYTHONPREFIXES]],
  })
  run_in_shell("unload", {
    sh = [[
if [ "${STACKENV_CONDA_ROOT-}" != /software/Anaconda3/2024.02-1 ]; then
    __se_before=${STACKENV_CONDA_BEFORE:-clean}
    case $__se_before in clean) __se_level=0 ;; *) __se_level=${__se_before%%:*} ;; esac
    if [ -n "${STACKENV_CONDA_ENV-}" ]; then __se_level=1; fi
    __se_command=deactivate
    while [ "${CONDA_SHLVL:-0}" -gt "${__se_level:-0}" ]; do
        __se_was=$CONDA_SHLVL
        __se_code=$(STACKENV_PROMPT="${PS1+=$PS1}" /software/Anaconda3/2024.02-1/bin/python -ISB /software/Anaconda3/2024.02-1/libexec/stackenv/activation.py sh base,hide,hide-modules "$__se_command") ||
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
        __se_code=$(/software/Anaconda3/2024.02-1/bin/python -ISB /software/Anaconda3/2024.02-1/libexec/stackenv/activation.py sh base,hide,hide-modules bring-back) || __se_code=
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
            __se_list=$PATH
            for __se_entry in /software/Anaconda3/2024.02-1/bin /software/Anaconda3/2024.02-1/condabin; do
                __se_list=":$__se_list:"
                while [ "$__se_list" != "${__se_list%%":$__se_entry:"*}" ]; do
                    __se_list="${__se_list%%":$__se_entry:"*}:${__se_list#*":$__se_entry:"}"
                done
                __se_list="${__se_list#:}"
                __se_list="${__se_list%:}"
            done
            PATH=$__se_list
            if [ -n "${BASH_VERSION-}" ] && [ -z "${PS1-set}" ]; then
                unset PS1
            fi
            unset __se_list __se_entry
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
fi]],
    fish = [[
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
        set -l __se_code ('/software/Anaconda3/2024.02-1/bin/python' '-ISB' '/software/Anaconda3/2024.02-1/libexec/stackenv/activation.py' fish 'base,hide,hide-modules' $__se_command)
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
        '/software/Anaconda3/2024.02-1/bin/python' '-ISB' '/software/Anaconda3/2024.02-1/libexec/stackenv/activation.py' fish 'base,hide,hide-modules' bring-back | source
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
        set -l __se_list $PATH
        for __se_entry in '/software/Anaconda3/2024.02-1'/bin '/software/Anaconda3/2024.02-1'/condabin
            while set -l __se_index (contains -i -- $__se_entry $__se_list)
                set -e __se_list[$__se_index]
            end
        end
        test (count $__se_list) = (count $PATH)
        or set -gx PATH $__se_list
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
end]],
    csh = "if ( -r \"/software/Anaconda3/2024.02-1/libexec/stackenv/unload.csh\" ) source \"/software/Anaconda3/2024.02-1/libexec/stackenv/unload.csh\"",
  })
  unset_without_shell("STACKENV_CONDA_BEFORE")
end

function active_level()
  return tonumber(os.getenv("CONDA_SHLVL") or "") or 0
end
function active_prefix(level, active)
  local variable = level == active and "CONDA_PREFIX" or "CONDA_PREFIX_" .. level
  return variable, os.getenv(variable)
end
function base_path(base_on_path, personal_priority)
  if not loading then return end
  local visible = visible_prefixes()
  local base_visible = base_on_path and #visible == 0
  for _, prefix in ipairs(visible) do base_visible = base_visible or prefix == root end
  if not base_visible then remove_entry("load", "PATH", root .. "/bin") end
  local function put(entry)
    local ranked = (os.getenv("__LMOD_Priority_PATH") or ""):find(entry .. ":", 1, true)
    prepend_path{"PATH", entry, priority = ranked and personal_priority or 0}
  end
  local personal, our_pip = os.getenv("STACKENV_CONDA_ENV"), root .. "/libexec/stackenv/pip"
  for number, prefix in ipairs((reloaded or personal) and visible or {}) do
    if number == #visible and prefix ~= personal then
      remove_path("PATH", our_pip)
      put(our_pip)
    end
    if prefix ~= "" then put(prefix .. "/bin") end
  end
end
function deactivate_missing_conda(message, show_again)
  if not unloading or isFile(root .. "/bin/python") then return end
  local function unset(...)
    for _, variable in ipairs({ ... }) do
      if os.getenv(variable) then setenv(variable, "") end
    end
  end
  local active = active_level()
  local before = tonumber((os.getenv("STACKENV_CONDA_BEFORE") or ""):match("^(%d+):") or "") or 0
  for level = before + 1, active do
    local variable, prefix = active_prefix(level, active)
    if prefix then prepend_path("PATH", prefix .. "/bin") end
    unset(variable, "CONDA_STACKED_" .. level)
  end
  unset("STACKENV_CONDA_BEFORE")
  if active <= before then return end
  unset("CONDA_SHLVL", "CONDA_DEFAULT_ENV", "CONDA_PROMPT_MODIFIER")
  if os.getenv("STACKENV_USER_SITE") then unset("STACKENV_USER_SITE", "PYTHONNOUSERSITE") end
  if os.getenv("STACKENV_PIP_GUARD") then unset("STACKENV_PIP_GUARD", "PIP_REQUIRE_VIRTUALENV") end
  if os.getenv("STACKENV_PIP_USER") then unset("STACKENV_PIP_USER", "PIP_USER") end
  unset("STACKENV_HIDDEN_STATE", "STACKENV_PYTHONPATH_SEEN", "STACKENV_VENV_ASIDE")
  run_in_shell("unload", show_again)
  LmodMessage(message)
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
function fill_in(message, text) return (message:gsub("%%s", (text:gsub("%%", "%%%%")))) end
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
function notice_no_place(text)
  local place = os.getenv("STACKENV_CONDA_ENVS") or os.getenv("CONDA_ENVS_PATH") or os.getenv("CONDA_ENVS_DIRS")
  if not place then notice(text, "") end
end
function notice_other_conda(text, conda)
  local level, exe = (os.getenv("STACKENV_CONDA_BEFORE") or ""):match("^(%d+):([^:]*)")
  if not reloaded and (tonumber(level or "") or 0) > 0 and exe ~= conda then
    notice(text, os.getenv("CONDA_DEFAULT_ENV") or "")
  end
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
function refuse_shells(names, message)
  for _, shell in ipairs(names) do
    if loading and shell == myShellName() then LmodError(message) end
  end
end
function remove_entry(when, variable, entry) -- of a list such as PATH; Lmod counts how often it was added
  for _ = 1, mode() == when and lists(variable, entry) and 9 or 0 do remove_path(variable, entry) end
end
function require_installed(path, message)
  if loading and myShellType() ~= "python" and not lfs.attributes(path, "mode") then LmodError(message) end
end
function run_in_shell(when, code) -- what only a shell can do
  local text = code[myShellType()] or code[myShellName()]
  if text and mode() == when then execute{cmd = text, modeA = {when}} end
end
function save_prior_conda()
  if not loading or reloaded then return end
  local exe, level = os.getenv("CONDA_EXE"), os.getenv("CONDA_SHLVL")
  local prior = "clean"
  if (exe or level) and not os.getenv("STACKENV_CONDA_ENV") then
    level = tonumber(level or "") and level or ""
    prior = level .. ":" .. (exe or "") .. ":" .. (os.getenv("CONDA_DEFAULT_ENV") or "")
  end
  setenv("STACKENV_CONDA_BEFORE", prior)
end
function storage_places(places)
  local other = (os.getenv("STACKENV_CONDA_ROOT") or root) ~= root
  if not unloading and (not loading or other) then return end
  local environments, packages
  if loading then environments, packages = usable_place(places) end
  store_environments(environments)
  store_packages(packages)
end
function store_environments(folder)
  local ours = os.getenv("STACKENV_CONDA_ENVS")
  if unloading then folder = ours end
  local free = not os.getenv("CONDA_ENVS_DIRS") and (ours == folder or not lists("CONDA_ENVS_PATH", folder or ""))
  if folder and (unloading or free) then
    append_path("CONDA_ENVS_PATH", folder)
    setenv("STACKENV_CONDA_ENVS", folder)
  end
end
function store_packages(folder)
  local ours, set = os.getenv("STACKENV_CONDA_PKGS"), os.getenv("CONDA_PKGS_DIRS")
  if unloading then folder = ours end
  if folder and (unloading or not set or set == ours or take_noted("CONDA_PKGS_DIRS")) then
    if not unloading or set == folder then setenv("CONDA_PKGS_DIRS", folder) end
    setenv("STACKENV_CONDA_PKGS", folder)
  end
end
function take_noted(variable)
  local noted = ":" .. (os.getenv("STACKENV_SET") or "") .. ":"
  local first, last = noted:find(":" .. variable .. "=" .. (os.getenv(variable) or "") .. ":", 1, true)
  local rest = first and noted:sub(1, first) .. noted:sub(last + 1)
  if first and loading then setenv("STACKENV_SET", (rest:gsub("^:*(.-):*$", "%1"))) end
  return first ~= nil
end
function unset_without_shell(variable)
  if unloading and not ({ sh = true, csh = true, fish = true })[myShellType()] then setenv(variable, "") end
end
function usable_place(places)
  for _, place in ipairs(places) do
    local path = expand_path(place.parent)
    if path and isDir(path .. "/") then return path .. "/" .. place.environments, path .. "/" .. place.packages end
  end
end
function visible_prefixes()
  local active, visible = active_level(), {}
  for level = 1, active do
    local _, prefix = active_prefix(level, active)
    local stacked = os.getenv("CONDA_STACKED_" .. level) == "true" or #visible == 0
    visible[stacked and #visible + 1 or #visible] = prefix or ""
  end
  return visible
end
main()

help([[
Anaconda3/2024.02-1 provides the command `conda` in shells, scripts and jobs, without `conda init`.

    conda create --name myenv python       create an environment
    conda activate myenv                   use it, here or in a job script
    conda deactivate                       leave it

In a job script: `module load Anaconda3/2024.02-1`, then `conda activate myenv`.
Unloading the module deactivates all environments and restores your shell.
]])
