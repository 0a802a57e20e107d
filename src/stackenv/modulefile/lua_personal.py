"""The operations of personal modules into Lua, for Lmod 8.6 and later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

import jinja2

from stackenv.modulefile.dialect import quote_csh, quote_sh
from stackenv.modulefile.lua_cpu import render_require_cpu_features
from stackenv.modulefile.lua_string import quote_lua
from stackenv.modulefile.personal_operations import (
    ActiveEnvironment,
    DependsOn,
    Extensions,
    ForgetWords,
    MountImage,
    PushEnv,
    RemovePath,
    RequireCpuFeatures,
    RequireModules,
    RequirePath,
    RequirePlatform,
    SaveEnv,
    ShellCode,
    Whatis,
)
from stackenv.modulefile.templates import fill_placeholders, read_source, strip_comments


def render_whatis(operation: Whatis, _: jinja2.Environment) -> str:
    # One line each: spider keeps what follows the first colon.
    text = f"{operation.key}: {' '.join(operation.value.split())}"
    return f"whatis({quote_lua(text)})"


def render_extensions(operation: Extensions, _: jinja2.Environment) -> str:
    return f"extensions({quote_lua(', '.join(operation.packages))})" if operation.packages else ""


def render_require_path(operation: RequirePath, _: jinja2.Environment) -> str:
    # Lmod's own isFile is true of a link to nothing.
    return f"""\
if mode() == "load" and not lfs.attributes({quote_lua(operation.path)}, "mode") then
  LmodError({quote_lua(operation.message)})
end"""


def render_require_modules(operation: RequireModules, _: jinja2.Environment) -> str:
    if not operation.names:
        return ""
    names = ", ".join(map(quote_lua, operation.names))
    return f"""\
if mode() == "load" then
  for _, name in ipairs({{ {names} }}) do
    if not isloaded(name) and not isAvail(name) then
      LmodError((({quote_lua(operation.message)}):gsub("%%s", (name:gsub("%%", "%%%%")))))
    end
  end
end"""


def render_require_platform(operation: RequirePlatform, _: jinja2.Environment) -> str:
    machine = f"""\
  local lua = io.open("/proc/self/exe", "rb")
  local header = lua and lua:read(20) or ""
  if lua then lua:close() end
  if #header == 20 and header:byte(19) + 256 * header:byte(20) ~= {operation.elf_machine} then
    LmodError({quote_lua(operation.message)})
  end
"""
    system = f"""\
  local release = io.open("/etc/os-release")
  local text = release and ("\\n" .. release:read("*a")) or ""
  if release then release:close() end
  local id = text:match("\\nID=[\\"']?([^\\"'\\n]*)") or ""
  local major = text:match("\\nVERSION_ID=[\\"']?(%d+)")
  local platform = text:match("\\nPLATFORM_ID=[\\"']?([^\\"'\\n]+)")
  local found = platform and platform:gsub("^platform:", "") or major and id .. " " .. major
  if found and found ~= {quote_lua(operation.os)} then
    LmodError({quote_lua(operation.message)})
  end
"""
    body = (machine if operation.elf_machine else "") + (system if operation.os else "")
    return f'if mode() == "load" then\n{body}end' if body else ""


def render_mount_image(operation: MountImage, _: jinja2.Environment) -> str:
    entrance, mark = quote_sh(operation.entrance), quote_lua(operation.mark)
    return f"""\
if mode() == "load" and not isFile({mark}) then
  local said, succeeded = capture({quote_lua(f"{entrance} mount 2>&1")})
  if not succeeded then LmodError((said:gsub("^stackenv: ", ""):gsub("%s+$", ""))) end
end
if mode() == "unload" then capture({quote_lua(f"{entrance} unmount 2>&1")}) end"""


def render_depends_on(operation: DependsOn, _: jinja2.Environment) -> str:
    return f"depends_on({quote_lua(operation.name)})"


def render_remove_path(operation: RemovePath, _: jinja2.Environment) -> str:
    value = quote_lua(operation.value)
    return f"""\
if mode() == "load" then
  for _ = 1, 9 do
    if not (":" .. (os.getenv("PATH") or "") .. ":"):find(":" .. {value} .. ":", 1, true) then break end
    remove_path("PATH", {value})
  end
end"""


def render_save_env(operation: SaveEnv, _: jinja2.Environment) -> str:
    source, target = quote_lua(operation.source), quote_lua(operation.target)
    return f"""\
if mode() == "load" and (os.getenv({source}) or "") ~= "" then setenv({target}, os.getenv({source})) end
if mode() == "unload" and os.getenv({target}) then setenv({target}, "") end"""


def render_another_in_charge(variable: str, module: str) -> str:
    # Over another of its family Lmod loads this one, unloads both, and loads this one again.
    return (
        f"(os.getenv({quote_lua(variable)}) or {quote_lua(module)}) ~= {quote_lua(module)} "
        f"and isloaded(os.getenv({quote_lua(variable)}))"
    )


def render_active_environment(operation: ActiveEnvironment, _: jinja2.Environment) -> str:
    variable, module = quote_lua(operation.variable), quote_lua(operation.module)
    return f"""\
-- While Lmod exchanges two of the family, the first keeps the charge until it is unloaded.
if mode() == "load" and not ({render_another_in_charge(operation.variable, operation.module)})
    or mode() == "unload" and os.getenv({variable}) == {module}
    or mode() ~= "load" and mode() ~= "unload" then
  setenv({variable}, {module})
end"""


def render_push_env(operation: PushEnv, _: jinja2.Environment) -> str:
    variable, stack = quote_lua(operation.variable), quote_lua(f"__LMOD_STACK_{operation.variable}")
    value = "false" if operation.value is None else quote_lua(operation.value)
    ours = f"os.getenv({variable}) == " + ("nil" if operation.value is None else value)
    if operation.variable == "VIRTUAL_ENV":
        # It was put aside for a conda environment that was activated on top (libexec/put_aside.py).
        aside = quote_lua(f"{operation.module}:{operation.value}")
        ours = f'({ours} or os.getenv("STACKENV_VENV_ASIDE") == {aside})'
    # Without a value there is nothing to unset, and nothing to bring back.
    wanted = f" and os.getenv({variable}) ~= nil" if operation.value is None else ""
    exchanged = render_another_in_charge(operation.loaded_by, operation.module)
    return f"""\
if mode() == "unload" then
  if os.getenv({stack}) and os.getenv({quote_lua(operation.loaded_by)}) == {quote_lua(operation.module)} then
    local _, left = os.getenv({stack}):gsub(":", "")
    local ours = {ours}
    if ours then pushenv({variable}, {value}) end
    -- What Lmod leaves there it would bring back at a later unload (Lmod #367, up to 8.7.59).
    if left < 2 or not ours then setenv({stack}, "") end
  end
elseif not (mode() == "load" and ({exchanged})){wanted} then
  local before = mode() == "load" and not os.getenv({stack}) and os.getenv({variable})
  if before then
    -- In the Lmod that has just unloaded this module, in a reload, pushenv forgets what was there.
    unsetenv({stack})
    pushenv({variable}, before)
  end
  pushenv({variable}, {value})
end"""


def render_forget_words(operation: ForgetWords, _: jinja2.Environment) -> str:
    names = ", ".join(map(quote_lua, operation.variables))
    return f"""\
-- Shells that have loaded the module as stackenv 0.1 wrote it; not needed after 0.3.
if mode() == "unload" and os.getenv({quote_lua(operation.loaded_by)}) == {quote_lua(operation.module)} then
  for _, name in ipairs({{ {names} }}) do
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
end"""


# Where the environment's folder has gone since the load, and the file with it. In quotes: tcsh looks up the
# variables of a line before it tests its condition.
CSH_WITHOUT_FILE = (
    "; if ( $?_STACKENV_DEACTIVATE ) "
    """eval 'if ( "`alias deactivate`" == "$_STACKENV_DEACTIVATE" ) unalias deactivate'"""
    """; if ( $?_STACKENV_PRECMD ) eval 'if ( "`alias precmd`" == "$_STACKENV_PRECMD" ) unalias precmd'"""
    "; unset _STACKENV_DEACTIVATE _STACKENV_VENV _STACKENV_VENV_PROMPT _STACKENV_LOAD _STACKENV_PRECMD"
    "; if ( ! $?STACKENV_CONDA_ENV ) unsetenv STACKENV_CONDA_BASE"
)


def render_shell_code(operation: ShellCode, templates: jinja2.Environment) -> str:
    lines = []
    for shell_type in ("sh", "csh", "fish"):
        for when in ("load", "unload"):
            if shell_type == "csh":
                file = quote_csh(f"{operation.csh_folder}/{when}.csh")
                code = f"if ( -r {file} ) source {file}" + (CSH_WITHOUT_FILE if when == "unload" else "")
            else:
                name = f"shell/{operation.source}_{when}.{shell_type}"
                filled = fill_placeholders(read_source(templates, name), operation.values, shell_type)
                code = strip_comments(filled).rstrip()
            lines.append(
                f"if myShellType() == {quote_lua(shell_type)} then\n"
                f"  execute{{cmd = {quote_lua(code)}, modeA = {{{quote_lua(when)}}}}}\nend"
            )
    return "\n".join(lines)


PERSONAL_RENDERERS: Mapping[type, Callable[[Any, jinja2.Environment], str]] = {
    Whatis: render_whatis,
    Extensions: render_extensions,
    RequirePath: render_require_path,
    RequireModules: render_require_modules,
    RequirePlatform: render_require_platform,
    RequireCpuFeatures: render_require_cpu_features,
    MountImage: render_mount_image,
    DependsOn: render_depends_on,
    RemovePath: render_remove_path,
    ActiveEnvironment: render_active_environment,
    ForgetWords: render_forget_words,
    PushEnv: render_push_env,
    SaveEnv: render_save_env,
    ShellCode: render_shell_code,
}
