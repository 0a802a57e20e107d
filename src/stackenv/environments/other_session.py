"""Load the modules of a stack as in another session, without anything from the user's own session."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from stackenv.environments.stack import Stack
from stackenv.errors import ModuleError
from stackenv.lmod.bindings import Lmod

# What a site sets for Lmod itself, and what of it belongs to modules that are loaded (`family` of Lmod).
OF_LMOD = ("LMOD_", "MODULERCFILE")
OF_LOADED_MODULES = "LMOD_FAMILY_"
PROGRAMS = "/usr/bin:/bin"
# What differs between two starts of one environment: a value with it is no property of the stack.
ANOTHER_SESSION = {
    "HOME": "/home/another",
    "USER": "another",
    "LOGNAME": "another",
    "TMPDIR": "/tmp/another",
    "HOSTNAME": "another",
    "SLURM_JOB_ID": "987654321",
    "SLURM_SUBMIT_DIR": "/home/another/work",
    "XDG_RUNTIME_DIR": "/run/user/987654321",
}
# Of a terminal, a login, a job or Lmod, and none of the site's.
OF_A_SESSION = re.compile(
    "(SLURM|PBS|LSB|SGE|OAR|SSH|XDG|DBUS|PMI|PMIX|OMPI|TMUX|VSCODE|JUPYTER|STACKENV|GIT|BASH|__LMOD)_.*"
    "|_ModuleTable.*|_LMFILES_|LOADEDMODULES|_|PWD|OLDPWD|SHLVL|MAIL|TMP|TEMP"
    "|TERM.*|DISPLAY|WAYLAND_DISPLAY|STY|TMUX|TTY|WINDOWID"
)
# What the modules themselves are asked for.
ANSWERS = ("PYTHONPATH", "EBPYTHONPREFIXES", "LD_LIBRARY_PATH", "LD_PRELOAD")
# os.time() of a modulefile: two loads may fall into one second.
SECONDS = re.compile(r"(?<!\d)\d{10}(?!\d)")
RECENT_S = 3600


def load_elsewhere(stack: Stack, lmod: Lmod) -> Mapping[str, str]:
    """Return what a load of the modules of `stack` sets in another user's session.

    Nothing else is set in it. Where that does not do, since modulefiles ask for what the site sets at a
    login, such as the folder of a CPU's software, it has all of this session that is no user's, no
    terminal's and no job's.

    Raises
    ------
    ModuleError
        When they cannot be loaded so.
    """
    clean = {name: value for name, value in lmod.environ.items() if is_of_lmod(name)}
    clean |= {"PATH": PROGRAMS, "MODULEPATH": stack.modulepath, **ANOTHER_SESSION}
    try:
        found = Lmod(lmod.command, clean, lmod.timeout_s).load(*stack.modules).environ
    except ModuleError as error:
        found, refused = {}, error
    else:
        if not any(list_missing(variable, found, stack) for variable in ANSWERS):
            return found
    at_login = {**clean, **read_login(stack.before), **ANOTHER_SESSION}
    try:
        loaded = Lmod(lmod.command, at_login, lmod.timeout_s).load(*stack.modules).environ
    except ModuleError:
        if found:
            return found
        raise refused from None
    return {name: loaded[name] for name in loaded if loaded[name] != at_login.get(name)}


def is_of_lmod(name: str) -> bool:
    """Return whether the variable `name` is what a site sets for Lmod."""
    return name.startswith(OF_LMOD) and not name.startswith(OF_LOADED_MODULES)


def read_login(own: Mapping[str, str]) -> dict[str, str]:
    """Return what of the session `own` the site may have set: what has the same value for another user.

    Of PATH the folders that are so.
    """
    values = {own.get(variable, "") for variable in ANOTHER_SESSION} - {"", "/"}
    # Whole words: `ann` is not in `/apps/annotation`.
    personal = re.compile("|".join(rf"(?<!\w){re.escape(value)}(?!\w)" for value in values) or "(?!)")
    folders = [folder for folder in own.get("PATH", PROGRAMS).split(":") if not personal.search(folder)]
    found = {
        name: value
        for name, value in own.items()
        if name not in ANSWERS and not OF_A_SESSION.fullmatch(name) and not personal.search(value)
    }
    return {**found, "PATH": ":".join(filter(None, folders))}


def list_missing(variable: str, found: Mapping[str, str], stack: Stack) -> set[str]:
    """Return the entries of `variable` that the load of `stack` has set, and that are not in `found`."""
    sessions = (stack.environ, found, stack.before)
    here, there, before = (set(environ.get(variable, "").split(":")) for environ in sessions)
    return here - there - before - {""}


def differs_by_the_time(value: str) -> bool:
    """Return whether `value` holds the time of this hour, in seconds since 1970."""
    now = time.time()
    return any(abs(int(number) - now) < RECENT_S for number in SECONDS.findall(value))
