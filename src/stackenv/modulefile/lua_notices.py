"""The Lua of `TerminalNotices`."""

from __future__ import annotations

import re

import jinja2

from stackenv.modulefile import TerminalNotices

# csh evaluates what Lmod prints in a command substitution, where words that look like patterns of
# file names are matched against the folder (tcsh(1), "Command substitution").
UNSAFE_IN_NOTICE = re.compile(r"['\"`!*?\[\]{}\\$~\n]")


def quote_notice(text: str) -> str:
    """Return a notice as a Lua string; raise ValueError where a shell would not print it as it is."""
    found = UNSAFE_IN_NOTICE.search(text)
    if found:
        raise ValueError(f"a notice may not hold {found.group()!r}: {text}")
    return f'"{text}"'


# Asked in Lua, so that a job prints nothing and runs nothing: Slurm, PBS, LSF, Grid Engine.
FRAME = """\
if mode() == "load" and not (os.getenv("SLURM_JOB_ID") or os.getenv("PBS_JOBID")
    or os.getenv("LSB_JOBID") or os.getenv("PE_HOSTFILE")) then
  local function stackenv_notice(text, found)
    text = text:gsub("%%s", (found:gsub("[^%w/_.,:+=@ \\128-\\255-]", "_"):gsub("%%", "%%%%")))
    local by_shell = {
      sh = "if [ -t 2 ]; then printf '%s\\n' '" .. text .. "' >&2; fi",
      -- csh redirects even where the condition is false, hence the eval; it has no word for stderr.
      csh = "if ( -t 2 ) eval \\"echo '" .. text .. "' > /dev/tty\\"",
      fish = "if test -t 2; printf '%s\\n' '" .. text .. "' >&2; end",
    }
    local command = by_shell[myShellType()]
    if command then execute{cmd = command, modeA = {"load"}} end
  end
BODY
end"""

CHECK_PYTHONPATH = """\
  local own, brought
  for entry in (os.getenv("PYTHONPATH") or ""):gmatch("[^:]+") do
    local module
    for _, loaded in ipairs(loaded_modules()) do
      local full = loaded.fullName or ""
      if full ~= "" and (entry .. "/"):find("/" .. full .. "/", 1, true) then module = full end
    end
    if module then brought = "by the module " .. module else own = own or entry end
  end
"""
CHECK_OWN = """\
  if own then stackenv_notice(NOTICE, own) end
"""
CHECK_BROUGHT = """\
  if brought and not own then stackenv_notice(NOTICE, brought) end
"""

CHECK_OTHER_CONDA = """\
  local level, exe = (os.getenv("STACKENV_CONDA_BEFORE") or ""):match("^(%d+):([^:]*)")
  if not stackenv_reloaded and (tonumber(level or "") or 0) > 0 and exe ~= CONDA then
    stackenv_notice(NOTICE, os.getenv("CONDA_DEFAULT_ENV") or "")
  end
"""

CHECK_NO_PLACE = """\
  if not os.getenv("STACKENV_CONDA_ENVS") and not os.getenv("CONDA_ENVS_PATH")
      and not os.getenv("CONDA_ENVS_DIRS") then
    stackenv_notice(NOTICE, "")
  end
"""


def render_terminal_notices(operation: TerminalNotices, _: jinja2.Environment) -> str:
    """Return the Lua that has the shell print, on a terminal only, each notice that applies."""
    conda = quote_notice(f"{operation.root}/bin/conda")
    checks = (
        (operation.pythonpath, CHECK_PYTHONPATH + CHECK_OWN),
        (operation.modules_pythonpath, CHECK_BROUGHT),
        (operation.other_conda, CHECK_OTHER_CONDA.replace("~= CONDA ", f"~= {conda} ")),
        (operation.no_place, CHECK_NO_PLACE),
    )
    # With its bracket: a prefix may hold the word, but never a bracket.
    body = "".join(check.replace("(NOTICE", "(" + quote_notice(text)) for text, check in checks if text)
    return FRAME.replace("BODY\n", body) if body else ""
