"""The operations of a conda environment's personal module into Lua."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

import jinja2

from stackenv.modulefile.lua_string import quote_lua
from stackenv.modulefile.personal_operations import CondaEnvironment, JoinPath, SetDefault


def render_conda_environment(operation: CondaEnvironment, _: jinja2.Environment) -> str:
    prefix, marker = quote_lua(operation.prefix), quote_lua(operation.marker)
    base = quote_lua(operation.base_marker)
    entries = ", ".join(quote_lua(entry) for entry in (operation.shim, f"{operation.prefix}/bin"))
    return f"""\
local level, active = tonumber(os.getenv("CONDA_SHLVL") or "") or 0, os.getenv("CONDA_PREFIX")
-- Over another personal module Lmod loads this one first, and then unloads that (`family`).
if mode() == "load" and level > 0 and not (level == 1 and active == os.getenv({marker})) then
  LmodError((({quote_lua(operation.message)}):gsub("%%s", ((active or "?"):gsub("%%", "%%%%")))))
end
local base = (os.getenv("STACKENV_CONDA_ROOT") or "") .. "/bin"
for _ = 1, mode() == "load" and base ~= "/bin" and 9 or 0 do
  if not (":" .. (os.getenv("PATH") or "") .. ":"):find(":" .. base .. ":", 1, true) then break end
  -- Only a shell can put it back: the code after the unload does, and takes this mark away.
  setenv({base}, "1")
  remove_path("PATH", base)
end
if mode() == "unload" and not ({{ sh = true, csh = true, fish = true }})[myShellType()] then
  setenv({base}, "")
end
for _, entry in ipairs({{ {entries} }}) do
  -- Lmod counts: an activation, or a reload of conda's module, has put the entry there once more.
  for _ = 1, 9 do
    if mode() ~= "load" and mode() ~= "unload" then break end
    if not (":" .. (os.getenv("PATH") or "") .. ":"):find(":" .. entry .. ":", 1, true) then break end
    remove_path("PATH", entry)
  end
  prepend_path{{"PATH", entry, priority = {operation.priority}}}
end
-- An environment that was activated on top is conda's to leave.
if mode() ~= "unload" or (level == 1 and active == {prefix}) then
  setenv("CONDA_PREFIX", {prefix})
  setenv("CONDA_DEFAULT_ENV", {quote_lua(operation.name)})
  setenv("CONDA_SHLVL", "1")
end
setenv({marker}, {prefix})"""


def render_set_default(operation: SetDefault, _: jinja2.Environment) -> str:
    variable, value = quote_lua(operation.variable), quote_lua(operation.value)
    return f"""\
if mode() ~= "load" and os.getenv({variable}) == {value} or not os.getenv({variable}) then
  setenv({variable}, {value})
end"""


def render_join_path(operation: JoinPath, _: jinja2.Environment) -> str:
    variable, value = quote_lua(operation.variable), quote_lua(operation.value)
    join = f"{'append' if operation.last else 'prepend'}_path({variable}, {value})"
    if not operation.own:
        return join
    return f"""\
for _ = 1, mode() == "unload" and 9 or 0 do
  if not (":" .. (os.getenv({variable}) or "") .. ":"):find(":" .. {value} .. ":", 1, true) then break end
  remove_path({variable}, {value})
end
{join}"""


CONDA_ENVIRONMENT_RENDERERS: Mapping[type, Callable[[Any, jinja2.Environment], str]] = {
    CondaEnvironment: render_conda_environment,
    SetDefault: render_set_default,
    JoinPath: render_join_path,
}
