-- 5f0c7d2e-8a5b-4c36-9d0e-3b1f6a7c2e94 stackenv 0.1.0 sha256:909b74a6f0e22e8f3c6f21da1a04146b7bc5daa523d80589c4da4eb87262a703
-- record: /home/user/venvs/biopy-1.0/stackenv/record.json
-- choices: {"kind": "venv", "modules": ["SciPy-bundle/2023.07-gfbf-2023a"], "modulepath": "/software/modules/all", "allow_shadow": [], "user_site": false, "description": "", "platform": {"machine": "x86_64", "os": "rocky 9", "cpu": "zen2"}, "cpu_features": [], "packed": null, "replaces": "", "layers": true, "sees_modules": "", "module_roots": []}
whatis("Name: biopy")
whatis("Version: 1.0")
whatis("Description: personal Python environment on SciPy-bundle/2023.07-gfbf-2023a")
extensions("biopython/1.83")

if mode() == "load" and not lfs.attributes("/home/user/venvs/biopy-1.0/pyvenv.cfg", "mode") then
  LmodError("biopy/1.0: its folder, /home/user/venvs/biopy-1.0, is gone. If it was moved: stackenv adopt NEW_PATH biopy; if nobody needs it: stackenv remove biopy/1.0")
end
if mode() == "load" then
  local lua = io.open("/proc/self/exe", "rb")
  local header = lua and lua:read(20) or ""
  if lua then lua:close() end
  if #header == 20 and header:byte(19) + 256 * header:byte(20) ~= 62 then
    LmodError("biopy/1.0 was made on x86_64, rocky 9; its compiled parts are not for this machine. Make it anew here, from the output of: stackenv export biopy/1.0 --format requirements")
  end
  local release = io.open("/etc/os-release")
  local text = release and ("\n" .. release:read("*a")) or ""
  if release then release:close() end
  local id = text:match("\nID=[\"']?([^\"'\n]*)") or ""
  local major = text:match("\nVERSION_ID=[\"']?(%d+)")
  local platform = text:match("\nPLATFORM_ID=[\"']?([^\"'\n]+)")
  local found = platform and platform:gsub("^platform:", "") or major and id .. " " .. major
  if found and found ~= "rocky 9" then
    LmodError("biopy/1.0 was made on x86_64, rocky 9; its compiled parts are not for this machine. Make it anew here, from the output of: stackenv export biopy/1.0 --format requirements")
  end
end

family("stackenv")
if mode() == "load" then
  for _, name in ipairs({ "SciPy-bundle/2023.07-gfbf-2023a" }) do
    if not isloaded(name) and not isAvail(name) then
      LmodError((("biopy/1.0 was made on the module %s, which is not to be had here. Was it found with `module use`? Then use that folder again; it was made under MODULEPATH=/software/modules/all . If the site has removed it: stackenv edit biopy/1.0 --module ANOTHER, where that has the same Python; otherwise make it anew: stackenv rebuild biopy/1.0 --module ANOTHER"):gsub("%%s", (name:gsub("%%", "%%%%")))))
    end
  end
end
depends_on("SciPy-bundle/2023.07-gfbf-2023a")

if mode() == "load" and not lfs.attributes("/home/user/venvs/biopy-1.0/bin/python", "mode") then
  LmodError("biopy/1.0: its Python, /home/user/venvs/biopy-1.0/bin/python, is missing or a broken link. stackenv check biopy/1.0 says why; to make the environment again: stackenv rebuild biopy/1.0")
end
if mode() == "load" and (os.getenv("VIRTUAL_ENV") or "") ~= "" then setenv("STACKENV_VENV_BEFORE", os.getenv("VIRTUAL_ENV")) end
if mode() == "unload" and os.getenv("STACKENV_VENV_BEFORE") then setenv("STACKENV_VENV_BEFORE", "") end
if mode() == "unload" then
  if os.getenv("__LMOD_STACK_VIRTUAL_ENV") and os.getenv("STACKENV_ENVIRONMENT") == "biopy/1.0" then
    local _, left = os.getenv("__LMOD_STACK_VIRTUAL_ENV"):gsub(":", "")
    local ours = (os.getenv("VIRTUAL_ENV") == "/home/user/venvs/biopy-1.0" or os.getenv("STACKENV_VENV_ASIDE") == "biopy/1.0:/home/user/venvs/biopy-1.0")
    if ours then pushenv("VIRTUAL_ENV", "/home/user/venvs/biopy-1.0") end
    -- What Lmod leaves there it would bring back at a later unload (Lmod #367, up to 8.7.59).
    if left < 2 or not ours then setenv("__LMOD_STACK_VIRTUAL_ENV", "") end
  end
elseif not (mode() == "load" and ((os.getenv("STACKENV_ENVIRONMENT") or "biopy/1.0") ~= "biopy/1.0" and isloaded(os.getenv("STACKENV_ENVIRONMENT")))) then
  local before = mode() == "load" and not os.getenv("__LMOD_STACK_VIRTUAL_ENV") and os.getenv("VIRTUAL_ENV")
  if before then
    -- In the Lmod that has just unloaded this module, in a reload, pushenv forgets what was there.
    unsetenv("__LMOD_STACK_VIRTUAL_ENV")
    pushenv("VIRTUAL_ENV", before)
  end
  pushenv("VIRTUAL_ENV", "/home/user/venvs/biopy-1.0")
end
if mode() == "unload" then
  if os.getenv("__LMOD_STACK_VIRTUAL_ENV_PROMPT") and os.getenv("STACKENV_ENVIRONMENT") == "biopy/1.0" then
    local _, left = os.getenv("__LMOD_STACK_VIRTUAL_ENV_PROMPT"):gsub(":", "")
    local ours = os.getenv("VIRTUAL_ENV_PROMPT") == "(biopy) "
    if ours then pushenv("VIRTUAL_ENV_PROMPT", "(biopy) ") end
    -- What Lmod leaves there it would bring back at a later unload (Lmod #367, up to 8.7.59).
    if left < 2 or not ours then setenv("__LMOD_STACK_VIRTUAL_ENV_PROMPT", "") end
  end
elseif not (mode() == "load" and ((os.getenv("STACKENV_ENVIRONMENT") or "biopy/1.0") ~= "biopy/1.0" and isloaded(os.getenv("STACKENV_ENVIRONMENT")))) then
  local before = mode() == "load" and not os.getenv("__LMOD_STACK_VIRTUAL_ENV_PROMPT") and os.getenv("VIRTUAL_ENV_PROMPT")
  if before then
    -- In the Lmod that has just unloaded this module, in a reload, pushenv forgets what was there.
    unsetenv("__LMOD_STACK_VIRTUAL_ENV_PROMPT")
    pushenv("VIRTUAL_ENV_PROMPT", before)
  end
  pushenv("VIRTUAL_ENV_PROMPT", "(biopy) ")
end
if mode() == "unload" then
  if os.getenv("__LMOD_STACK_PYTHONHOME") and os.getenv("STACKENV_ENVIRONMENT") == "biopy/1.0" then
    local _, left = os.getenv("__LMOD_STACK_PYTHONHOME"):gsub(":", "")
    local ours = os.getenv("PYTHONHOME") == nil
    if ours then pushenv("PYTHONHOME", false) end
    -- What Lmod leaves there it would bring back at a later unload (Lmod #367, up to 8.7.59).
    if left < 2 or not ours then setenv("__LMOD_STACK_PYTHONHOME", "") end
  end
elseif not (mode() == "load" and ((os.getenv("STACKENV_ENVIRONMENT") or "biopy/1.0") ~= "biopy/1.0" and isloaded(os.getenv("STACKENV_ENVIRONMENT")))) and os.getenv("PYTHONHOME") ~= nil then
  local before = mode() == "load" and not os.getenv("__LMOD_STACK_PYTHONHOME") and os.getenv("PYTHONHOME")
  if before then
    -- In the Lmod that has just unloaded this module, in a reload, pushenv forgets what was there.
    unsetenv("__LMOD_STACK_PYTHONHOME")
    pushenv("PYTHONHOME", before)
  end
  pushenv("PYTHONHOME", false)
end
if mode() == "load" then
  for _ = 1, 9 do
    if not (":" .. (os.getenv("PATH") or "") .. ":"):find(":" .. "/home/user/venvs/biopy-1.0/bin" .. ":", 1, true) then break end
    remove_path("PATH", "/home/user/venvs/biopy-1.0/bin")
  end
end
prepend_path{"PATH", "/home/user/venvs/biopy-1.0/bin", priority = 100}
-- Shells that have loaded the module as stackenv 0.1 wrote it; not needed after 0.3.
if mode() == "unload" and os.getenv("STACKENV_ENVIRONMENT") == "biopy/1.0" then
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
if mode() == "load" and not ((os.getenv("STACKENV_ENVIRONMENT") or "biopy/1.0") ~= "biopy/1.0" and isloaded(os.getenv("STACKENV_ENVIRONMENT")))
    or mode() == "unload" and os.getenv("STACKENV_ENVIRONMENT") == "biopy/1.0"
    or mode() ~= "load" and mode() ~= "unload" then
  setenv("STACKENV_ENVIRONMENT", "biopy/1.0")
end

if myShellType() == "sh" then
  execute{cmd = [[
if [ -n "${_OLD_VIRTUAL_PATH-}" ]; then
    _OLD_VIRTUAL_PATH=":$PATH:"
    if [ -n "${STACKENV_VENV_BEFORE-}" ] && [ "$STACKENV_VENV_BEFORE" != "${VIRTUAL_ENV-}" ]; then
        while [ "$_OLD_VIRTUAL_PATH" != "${_OLD_VIRTUAL_PATH%%":$STACKENV_VENV_BEFORE/bin:"*}" ]; do
            _OLD_VIRTUAL_PATH="${_OLD_VIRTUAL_PATH%%":$STACKENV_VENV_BEFORE/bin:"*}:${_OLD_VIRTUAL_PATH#*":$STACKENV_VENV_BEFORE/bin:"}"
        done
    fi
    _OLD_VIRTUAL_PATH="${_OLD_VIRTUAL_PATH#:}"
    _OLD_VIRTUAL_PATH="${_OLD_VIRTUAL_PATH%:}"
fi
_STACKENV_VENV=${VIRTUAL_ENV-}
_STACKENV_VENV_PROMPT=${VIRTUAL_ENV_PROMPT-}
case "$(command -v deactivate 2>/dev/null || :)" in
"" | /*)
    _STACKENV_DEACTIVATE=biopy/1.0
    _STACKENV_FUNCTION='deactivate() { [ "${1-}" = nondestructive ] || module unload "$_STACKENV_DEACTIVATE"; }'
    eval "$_STACKENV_FUNCTION"
    case "$-/${BASH_VERSION:+bash}${ZSH_VERSION:+zsh}" in
    *i*/?*)
        _stackenv_prompt() {
            [ -n "${_STACKENV_VENV-}" ] && [ -z "${VIRTUAL_ENV-}" ] || return 0
            case "$(command -v deactivate 2>/dev/null || :)" in
            "" | /*)
                VIRTUAL_ENV=$_STACKENV_VENV VIRTUAL_ENV_PROMPT=$_STACKENV_VENV_PROMPT
                export VIRTUAL_ENV VIRTUAL_ENV_PROMPT
                eval "$_STACKENV_FUNCTION"
                ;;
            esac
        }
        if [ -n "${ZSH_VERSION-}" ]; then
            eval 'typeset -ga precmd_functions; precmd_functions=(${precmd_functions:#_stackenv_prompt} _stackenv_prompt)'
        else
            _stackenv_line=$(declare -p PROMPT_COMMAND 2>/dev/null || :)
            case "${_stackenv_line%%PROMPT_COMMAND*}" in *-*r*) _stackenv_line=readonly ;; esac
            case "$_stackenv_line" in
            readonly | *_stackenv_prompt*) ;;
            *)
                eval 'PROMPT_COMMAND="${PROMPT_COMMAND-}${PROMPT_COMMAND+
}! typeset -f _stackenv_prompt >/dev/null || _stackenv_prompt"'
                ;;
            esac
            unset _stackenv_line
        fi
        ;;
    esac
    ;;
esac]], modeA = {"load"}}
end
if myShellType() == "sh" then
  execute{cmd = [=[
if [ -n "${_STACKENV_DEACTIVATE-}" ]; then
    [ -n "${_OLD_VIRTUAL_PATH-}" ] || case "$(typeset -f deactivate 2>/dev/null || :)" in
    *_STACKENV_DEACTIVATE* | "") unset -f deactivate 2>/dev/null || : ;;
    esac
    unset _STACKENV_DEACTIVATE _STACKENV_FUNCTION
    if [ -n "${ZSH_VERSION-}" ] && typeset -f _stackenv_prompt >/dev/null; then
        eval 'precmd_functions=(${precmd_functions:#_stackenv_prompt}); (($#precmd_functions)) || unset precmd_functions'
    elif [ -n "${BASH_VERSION-}" ]; then
        eval '_stackenv_take_out() {
            local ours="! typeset -f _stackenv_prompt >/dev/null || _stackenv_prompt" newline="
" places=("${!PROMPT_COMMAND[@]}") place before after bare left
            for place in "${places[@]}"; do
                if [[ ${PROMPT_COMMAND[place]} == "$ours" ]]; then
                    [[ ${#places[@]} == 1 ]] || { unset "PROMPT_COMMAND[$place]"; continue; }
                    unset PROMPT_COMMAND
                    return
                fi
                while [[ ${PROMPT_COMMAND[place]} == *"$ours"* ]]; do
                    before=${PROMPT_COMMAND[place]%%"$ours"*} after=${PROMPT_COMMAND[place]#*"$ours"} left=""
                    bare=${after#"${after%%[! ]*}"}
                    [[ $bare == "" || $bare == [\;$newline]* ]] || left=:
                    bare=${before%"${before##*[! ]}"}
                    [[ $bare == "" || $bare == *[\;$newline] ]] || left=:
                    if [[ -z $left ]]; then
                        before=${bare%?}
                        [[ -n $before ]] || after=${after#"${after%%[! \;$newline]*}"}
                    fi
                    if [[ $place == 0 ]]; then
                        PROMPT_COMMAND=$before$left$after
                    else
                        PROMPT_COMMAND[place]=$before$left$after
                    fi
                done
            done
            [[ -z ${PROMPT_COMMAND[*]+set} || -n ${PROMPT_COMMAND+set} ]] || PROMPT_COMMAND=("${PROMPT_COMMAND[@]}")
        }'
        _stackenv_line=$(declare -p PROMPT_COMMAND 2>/dev/null || :)
        case "${_stackenv_line%%PROMPT_COMMAND*}" in *-*r*) _stackenv_line='' ;; esac
        case "$_stackenv_line" in *_stackenv_prompt*) _stackenv_take_out ;; esac
        unset _stackenv_line
        unset -f _stackenv_take_out
    fi
    unset -f _stackenv_prompt 2>/dev/null || :
fi
if [ -n "${_OLD_VIRTUAL_PATH-}" ] && [ -z "${VIRTUAL_ENV-}" ] && [ -n "${_STACKENV_VENV-}" ]; then
    VIRTUAL_ENV=$_STACKENV_VENV
    export VIRTUAL_ENV
fi
unset _STACKENV_VENV _STACKENV_VENV_PROMPT
if [ -n "${_OLD_VIRTUAL_PATH-}" ] && [ -n "${VIRTUAL_ENV-}" ]; then
    case ":$PATH:" in
    *":$VIRTUAL_ENV/bin:"*) ;;
    *) PATH="$VIRTUAL_ENV/bin:$PATH" ;;
    esac
    _OLD_VIRTUAL_PATH=":$PATH:"
    while [ "$_OLD_VIRTUAL_PATH" != "${_OLD_VIRTUAL_PATH%%":$VIRTUAL_ENV/bin:"*}" ]; do
        _OLD_VIRTUAL_PATH="${_OLD_VIRTUAL_PATH%%":$VIRTUAL_ENV/bin:"*}:${_OLD_VIRTUAL_PATH#*":$VIRTUAL_ENV/bin:"}"
    done
    _OLD_VIRTUAL_PATH="${_OLD_VIRTUAL_PATH#:}"
    _OLD_VIRTUAL_PATH="${_OLD_VIRTUAL_PATH%:}"
fi]=], modeA = {"unload"}}
end
if myShellType() == "csh" then
  execute{cmd = "if ( -r '/home/user/venvs/biopy-1.0/stackenv/load.csh' ) source '/home/user/venvs/biopy-1.0/stackenv/load.csh'", modeA = {"load"}}
end
if myShellType() == "csh" then
  execute{cmd = "if ( -r '/home/user/venvs/biopy-1.0/stackenv/unload.csh' ) source '/home/user/venvs/biopy-1.0/stackenv/unload.csh'; if ( $?_STACKENV_DEACTIVATE ) eval 'if ( \"`alias deactivate`\" == \"$_STACKENV_DEACTIVATE\" ) unalias deactivate'; if ( $?_STACKENV_PRECMD ) eval 'if ( \"`alias precmd`\" == \"$_STACKENV_PRECMD\" ) unalias precmd'; unset _STACKENV_DEACTIVATE _STACKENV_VENV _STACKENV_VENV_PROMPT _STACKENV_LOAD _STACKENV_PRECMD; if ( ! $?STACKENV_CONDA_ENV ) unsetenv STACKENV_CONDA_BASE", modeA = {"unload"}}
end
if myShellType() == "fish" then
  execute{cmd = [[
if set -q _OLD_VIRTUAL_PATH
    if set -q STACKENV_VENV_BEFORE; and test "$STACKENV_VENV_BEFORE" != "$VIRTUAL_ENV"
        set -gx _OLD_VIRTUAL_PATH (string match -v -- "$STACKENV_VENV_BEFORE/bin" $PATH)
    else
        set -gx _OLD_VIRTUAL_PATH $PATH
    end
end
set -g _STACKENV_VENV $VIRTUAL_ENV
set -g _STACKENV_VENV_PROMPT $VIRTUAL_ENV_PROMPT
if not functions -q deactivate
    set -g _STACKENV_DEACTIVATE 'biopy/1.0'
    function __stackenv_deactivate
        function deactivate
            if test "$argv[1]" != nondestructive
                module unload $_STACKENV_DEACTIVATE
            end
        end
    end
    __stackenv_deactivate
    function __stackenv_other --on-variable VIRTUAL_ENV
        if functions -q deactivate; and functions deactivate | string match -q '*_OLD_VIRTUAL_PATH*'
            functions -e __stackenv_script
            functions -c deactivate __stackenv_script
            function deactivate
                __stackenv_script $argv
                if test "$argv[1]" != nondestructive
                    functions -e __stackenv_script
                    set -gx VIRTUAL_ENV $_STACKENV_VENV
                    set -gx VIRTUAL_ENV_PROMPT $_STACKENV_VENV_PROMPT
                    __stackenv_deactivate
                end
            end
        end
    end
end]], modeA = {"load"}}
end
if myShellType() == "fish" then
  execute{cmd = [[
if set -q _STACKENV_DEACTIVATE
    functions -e __stackenv_other __stackenv_deactivate
    if functions -q deactivate; and functions deactivate | string match -qr '\$_STACKENV_(DEACTIVATE|VENV)'
        functions -e deactivate
        if functions -q __stackenv_script
            functions -c __stackenv_script deactivate
        end
    end
    functions -e __stackenv_script
    set -e _STACKENV_DEACTIVATE
end
if set -q _OLD_VIRTUAL_PATH; and not set -q VIRTUAL_ENV; and set -q _STACKENV_VENV[1]
    set -gx VIRTUAL_ENV $_STACKENV_VENV
end
set -e _STACKENV_VENV _STACKENV_VENV_PROMPT
if set -q _OLD_VIRTUAL_PATH; and set -q VIRTUAL_ENV
    if not contains -- "$VIRTUAL_ENV/bin" $PATH
        set -gx PATH "$VIRTUAL_ENV/bin" $PATH
    end
    set -gx _OLD_VIRTUAL_PATH (string match -v -- "$VIRTUAL_ENV/bin" $PATH)
end]], modeA = {"unload"}}
end

help([[
biopy/1.0: personal Python environment on SciPy-bundle/2023.07-gfbf-2023a

    environment  /home/user/venvs/biopy-1.0
    modules      SciPy-bundle/2023.07-gfbf-2023a

Use it, in a shell or in a job script:

    module use /home/user/modules; module load biopy/1.0

Leave it: deactivate, or module unload biopy. What it holds: stackenv info biopy/1.0
]])
