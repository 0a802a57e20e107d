"""Operations into Lua, for Lmod 8.6 and later.

Each function returns statements that Lmod may evaluate in any mode. What asks about the user does so
only in the modes load and unload: show, spider, avail, help and whatis never look at anyone's folders
(facts: when a modulefile is evaluated).
"""

from __future__ import annotations

from typing import Any, Callable

import jinja2

from stackenv.configuration.path_template import PathTemplate, Variable
from stackenv.modulefile import (
    BasePath,
    DeactivateMissingConda,
    Family,
    Operation,
    PrependPath,
    SavePriorConda,
    SetEnv,
    ShellCommand,
    StoragePlaces,
    SupportedShells,
    TerminalNotices,
    UnloadCode,
)
from stackenv.modulefile.dialect import quote_csh, quote_sh
from stackenv.modulefile.lua_conda_environment import CONDA_ENVIRONMENT_RENDERERS
from stackenv.modulefile.lua_notices import quote_notice, render_terminal_notices
from stackenv.modulefile.lua_personal import PERSONAL_RENDERERS
from stackenv.modulefile.lua_string import quote_lua
from stackenv.modulefile.templates import fill_placeholders, function_body, read_source, strip_comments


def render_family(operation: Family, _: jinja2.Environment) -> str:
    return f"family({quote_lua(operation.name)})"


def render_supported_shells(operation: SupportedShells, _: jinja2.Environment) -> str:
    names = ", ".join(f"[{quote_lua(name)}] = true" for name in operation.unsupported)
    return (
        f'if mode() == "load" and ({{ {names} }})[myShellName()] then\n'
        f"  LmodError({quote_lua(operation.message)})\n"
        "end"
    )


def render_prepend_path(operation: PrependPath, _: jinja2.Environment) -> str:
    words = f"{quote_lua(operation.variable)}, {quote_lua(operation.value)}"
    if operation.priority:
        return f"prepend_path{{{words}, priority = {operation.priority}}}"
    return f"prepend_path({words})"


def render_set_env(operation: SetEnv, _: jinja2.Environment) -> str:
    return f"setenv({quote_lua(operation.variable)}, {quote_lua(operation.value)})"


def render_save_prior_conda(operation: SavePriorConda, _: jinja2.Environment) -> str:
    variable = quote_lua(operation.variable)
    return f"""\
local stackenv_reloaded = os.getenv({variable}) ~= nil
if mode() == "load" and not stackenv_reloaded then
  local exe, level = os.getenv("CONDA_EXE"), os.getenv("CONDA_SHLVL")
  local name = os.getenv("CONDA_DEFAULT_ENV")
  -- The environment of a personal module is no other conda's.
  if (exe or level) and not os.getenv("STACKENV_CONDA_ENV") then
    level = tonumber(level or "") and level or ""
    setenv({variable}, string.format("%s:%s:%s", level, exe or "", name or ""))
  else
    setenv({variable}, "clean")
  end
end"""


def render_base_path(operation: BasePath, _: jinja2.Environment) -> str:
    when = "while no environment is active" if operation.on_path else "only while it is active"
    return f"""\
-- The base is on PATH {when}.
if mode() == "load" then
  local root = {quote_lua(operation.root)}
  local active = tonumber(os.getenv("CONDA_SHLVL") or "") or 0
  -- An environment takes the place on PATH of the one below it, or, stacked, stands in front of it.
  local visible, base_visible = {{}}, {str(operation.on_path).lower()} and active == 0
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
    return ranked:find(entry .. ":", 1, true) and {operation.priority} or 0
  end
  local keeps = stackenv_reloaded or os.getenv("STACKENV_CONDA_ENV")
  for number, prefix in ipairs(keeps and visible or {{}}) do
    -- Our `pip` stands right behind the environment; taken out first, for Lmod counts.
    if number == #visible and prefix ~= os.getenv("STACKENV_CONDA_ENV") then
      remove_path("PATH", our_pip)
      prepend_path{{"PATH", our_pip, priority = rank(our_pip)}}
    end
    if prefix ~= "" then prepend_path{{"PATH", prefix .. "/bin", priority = rank(prefix .. "/bin")}} end
  end
end"""


# Only a shell can set a variable at an unload. {0} is PYTHONPATH or EBPYTHONPREFIXES.
SHOW_AGAIN = {
    "sh": 'if [ -n "${{STACKENV_HIDDEN_{0}:+${{LOADEDMODULES-}}}}" ]; then '
    "{0}=$STACKENV_HIDDEN_{0}; export {0}; fi; unset STACKENV_HIDDEN_{0}",
    # tcsh looks up the variables of a line before it tests its condition.
    "csh": "if ( ! $?STACKENV_HIDDEN_{0} ) setenv STACKENV_HIDDEN_{0}; "
    'if ( "$STACKENV_HIDDEN_{0}" != "" && $?LOADEDMODULES ) setenv {0} "$STACKENV_HIDDEN_{0}"; '
    "unsetenv STACKENV_HIDDEN_{0}",
    "fish": "set -q STACKENV_HIDDEN_{0}; and set -q LOADEDMODULES; "
    'and set -gx {0} "$STACKENV_HIDDEN_{0}"; set -e STACKENV_HIDDEN_{0}',
}


def render_show_again() -> str:
    """Return the Lua by which what modules brought on PYTHONPATH is there again."""
    return "\n".join(
        f"    if myShellType() == {quote_lua(shell)} then\n"
        f'      execute{{cmd = {quote_lua(code.format(name))}, modeA = {{"unload"}}}}\n'
        "    end"
        for shell, code in SHOW_AGAIN.items()
        for name in ("PYTHONPATH", "EBPYTHONPREFIXES")
    )


def render_deactivate_missing_conda(operation: DeactivateMissingConda, _: jinja2.Environment) -> str:
    message = (
        f"{operation.root} is gone: its environments were left without their own scripts; "
        "a new shell is clean"
    )
    return f"""\
if mode() == "unload" and not isFile({quote_lua(f"{operation.root}/bin/python")}) then
  local active = tonumber(os.getenv("CONDA_SHLVL") or "") or 0
  local before = tonumber((os.getenv({quote_lua(operation.before)}) or ""):match("^(%d+):") or "") or 0
  for level = before + 1, active do
    local variable = level == active and "CONDA_PREFIX" or "CONDA_PREFIX_" .. level
    local prefix = os.getenv(variable)
    -- In this mode Lmod undoes what it reads.
    if prefix then prepend_path("PATH", prefix .. "/bin") end
    setenv(variable, "")
    if os.getenv("CONDA_STACKED_" .. level) then setenv("CONDA_STACKED_" .. level, "") end
  end
  setenv({quote_lua(operation.before)}, "")
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
    for _, name in ipairs({{ "STACKENV_HIDDEN_STATE", "STACKENV_PYTHONPATH_SEEN", "STACKENV_VENV_ASIDE" }}) do
      if os.getenv(name) then setenv(name, "") end
    end
{render_show_again()}
    LmodMessage({quote_lua(message)})
  end
end"""


def render_template_of_path(path: PathTemplate) -> str:
    parts = [
        f"{{ variable = {quote_lua(part.name)} }}" if isinstance(part, Variable) else quote_lua(part.text)
        for part in path.parts
    ]
    return "{ " + ", ".join(parts) + " }"


def render_storage_places(operation: StoragePlaces, _: jinja2.Environment) -> str:
    places = "".join(
        f"  {{ parent = {render_template_of_path(place.parent)}, "
        f"environments = {quote_lua(place.environments)}, packages = {quote_lua(place.packages)} }},\n"
        for place in operation.places
    )
    environments, packages = map(quote_lua, (operation.environments_marker, operation.packages_marker))
    return f"""\
local stackenv_places = {{
{places}}}
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
if mode() == "load" and (not stackenv_over or stackenv_over == {quote_lua(operation.root)}) then
  local environments, packages = stackenv_usable_place()
  local listed = os.getenv("CONDA_ENVS_PATH") or ""
  local ours = os.getenv({environments})
  -- conda refuses to run with both CONDA_ENVS_PATH and CONDA_ENVS_DIRS.
  if environments and not os.getenv("CONDA_ENVS_DIRS")
      and (ours == environments or not (":" .. listed .. ":"):find(":" .. environments .. ":", 1, true)) then
    append_path("CONDA_ENVS_PATH", environments)
    setenv({environments}, environments)
  end
  local set = os.getenv("CONDA_PKGS_DIRS")
  if packages and (not set or set == os.getenv({packages})) then
    setenv("CONDA_PKGS_DIRS", packages)
    setenv({packages}, packages)
  end
elseif mode() == "unload" then
  local environments, packages = os.getenv({environments}), os.getenv({packages})
  if environments then
    append_path("CONDA_ENVS_PATH", environments)
    setenv({environments}, environments)
  end
  if packages then
    if os.getenv("CONDA_PKGS_DIRS") == packages then setenv("CONDA_PKGS_DIRS", packages) end
    setenv({packages}, packages)
  end
end"""


def render_shell_command(operation: ShellCommand, templates: jinja2.Environment) -> str:
    name, values = operation.name, operation.values

    def read(file: str, dialect: str) -> str:
        return strip_comments(
            fill_placeholders(read_source(templates, f"shell/{file}.{dialect}"), values, dialect)
        ).rstrip()

    # Not by Lmod's set_shell_function: with a user's alias of this name the shell would define another
    # function, or nothing (bash(1), "ALIASES"); and in eval, which is read when the alias is gone.
    function = f"{name}() {{\n{function_body(read(operation.source, 'sh'), name)}\n}}"
    define_sh = f"{read('own_names_load', 'sh')}\neval {quote_sh(function)}"
    define_fish = f"{read('own_names_load', 'fish')}\n{read(operation.source, 'fish')}"
    source_csh = quote_csh(f'source "{operation.csh_file}"')
    # One line, without patterns: csh takes what Lmod prints as words. Aliases are its functions.
    said = quote_notice(values["OWN_NAME_MESSAGE"])[1:-1]
    define_csh = (
        f'if ( "`alias {name}`" != {source_csh} && "`alias {name}`" != "" && -t 2 ) '
        f"eval \"echo '{said}' > /dev/tty\"; "
        f'if ( "`alias {name}`" != {source_csh} ) set _STACKENV_CONDA_ALIAS = "`alias {name}`"; '
        f"alias {name} {source_csh}"
    )
    remove_csh = (
        f"unalias {name}; if ( ! $?_STACKENV_CONDA_ALIAS ) set _STACKENV_CONDA_ALIAS; "
        f'if ( "$_STACKENV_CONDA_ALIAS" != "" ) alias {name} "$_STACKENV_CONDA_ALIAS"; '
        "unset _STACKENV_CONDA_ALIAS"
    )
    codes = (
        ("sh", define_sh, read("own_names_unload", "sh")),
        ("csh", define_csh, remove_csh),
        ("fish", define_fish, read("own_names_unload", "fish")),
    )
    lines = [
        f"{'if' if shell == 'sh' else 'elseif'} myShellType() == {quote_lua(shell)} then\n"
        f'  execute{{cmd = {quote_lua(define)}, modeA = {{"load"}}}}\n'
        f'  execute{{cmd = {quote_lua(remove)}, modeA = {{"unload"}}}}'
        for shell, define, remove in codes
    ]
    return "\n".join([*lines, "end" + (render_export(name) if operation.export else "")])


def render_export(name: str) -> str:
    """Return the Lua that gives the children of a bash the function `name`."""
    # conda's own conda.sh, sourced later, gives `conda` other contents and bash exports those: the
    # helpers that they call must then be exported too, so they get the mark now, while empty.
    helpers = ["__conda_activate", "__conda_reactivate", "__conda_exe", "__conda_hashr"]
    marked = "".join(f"    declare -F {h} >/dev/null || {h}() {{ :; }}\n" for h in helpers)
    export = (
        f"export -f {name}\n"
        'if [ "${STACKENV_CONDA_BEFORE-}" = clean ]; then\n'
        f"{marked}    export -f {' '.join(helpers)}\nfi"
    )
    return f"""
if myShellName() == "bash" then
  execute{{cmd = {quote_lua(export)}, modeA = {{"load"}}}}
end"""


def render_unload_code(operation: UnloadCode, templates: jinja2.Environment) -> str:
    sh, fish = (
        quote_lua(
            strip_comments(
                fill_placeholders(
                    read_source(templates, f"shell/{operation.source}.{dialect}"),
                    operation.values,
                    dialect,
                )
            ).rstrip()
        )
        for dialect in ("sh", "fish")
    )
    csh = quote_lua(f'if ( -r "{operation.csh_file}" ) source "{operation.csh_file}"')
    return f"""\
if myShellType() == "sh" then
  execute{{cmd = {sh}, modeA = {{"unload"}}}}
elseif myShellType() == "csh" then
  execute{{cmd = {csh}, modeA = {{"unload"}}}}
elseif myShellType() == "fish" then
  execute{{cmd = {fish}, modeA = {{"unload"}}}}
elseif mode() == "unload" then
  -- Programs that drive Lmod (EasyBuild, Jupyter) run no shell code.
  setenv({quote_lua(operation.before)}, "")
end"""


RENDERERS: dict[type, Callable[[Any, jinja2.Environment], str]] = {
    Family: render_family,
    SupportedShells: render_supported_shells,
    PrependPath: render_prepend_path,
    SetEnv: render_set_env,
    SavePriorConda: render_save_prior_conda,
    BasePath: render_base_path,
    DeactivateMissingConda: render_deactivate_missing_conda,
    StoragePlaces: render_storage_places,
    ShellCommand: render_shell_command,
    TerminalNotices: render_terminal_notices,
    UnloadCode: render_unload_code,
    **PERSONAL_RENDERERS,
    **CONDA_ENVIRONMENT_RENDERERS,
}


def render_operation(operation: Operation, templates: jinja2.Environment) -> str:
    """Return the Lua of one operation."""
    return RENDERERS[type(operation)](operation, templates)
