"""The Lua that refuses a CPU on which compiled packages would crash."""

from __future__ import annotations

import jinja2

from stackenv.modulefile.lua_string import quote_lua
from stackenv.modulefile.personal_operations import RequireCpuFeatures


def render_require_cpu_features(operation: RequireCpuFeatures, _: jinja2.Environment) -> str:
    """Return the check, nothing when no feature is needed; x86's flags and arm's Features are read."""
    if not operation.features:
        return ""
    names = ", ".join(map(quote_lua, operation.features))
    return f"""\
if mode() == "load" then
  local cpuinfo = io.open("/proc/cpuinfo")
  local text = cpuinfo and cpuinfo:read("*a") or ""
  if cpuinfo then cpuinfo:close() end
  local line = text:match("\\nflags%s*:([^\\n]*)") or text:match("\\nFeatures%s*:([^\\n]*)") or ""
  local has = " " .. line .. " "
  local missing = {{}}
  for _, feature in ipairs({{ {names} }}) do
    if not has:find(" " .. feature .. " ", 1, true) then missing[#missing + 1] = feature end
  end
  if #has > 2 and #missing > 0 then
    LmodError((({quote_lua(operation.message)}):gsub("%%s", table.concat(missing, " "))))
  end
end"""
