"""Load the modules of a stack as in another session, without anything from the user's own session."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from stackenv.environments.stack import Stack
from stackenv.errors import ModuleError
from stackenv.lmod.bindings import Lmod

# Variables that a site sets for Lmod itself, except those that Lmod sets for loaded modules (`family`).
OF_LMOD = ("LMOD_", "MODULERCFILE")
OF_LOADED_MODULES = "LMOD_FAMILY_"
PROGRAMS = "/usr/bin:/bin"
# Values that differ between sessions: a variable whose value contains one does not belong to the stack.
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
# Variables of a terminal, a login, a job or Lmod, which the site does not set.
OF_A_SESSION = re.compile(
    "(SLURM|PBS|LSB|SGE|OAR|SSH|XDG|DBUS|PMI|PMIX|OMPI|TMUX|VSCODE|JUPYTER|STACKENV|GIT|BASH|__LMOD)_.*"
    "|_ModuleTable.*|_LMFILES_|LOADEDMODULES|_|PWD|OLDPWD|SHLVL|MAIL|TMP|TEMP"
    "|TERM.*|DISPLAY|WAYLAND_DISPLAY|STY|TMUX|TTY|WINDOWID"
)
# Variables whose values must come from the modules.
ANSWERS = ("PYTHONPATH", "EBPYTHONPREFIXES", "LD_LIBRARY_PATH", "LD_PRELOAD")
# A modulefile may set os.time(). Two loads within one second do not show that such a value changes.
SECONDS = re.compile(r"(?<!\d)\d{10}(?!\d)")
RECENT_S = 3600


def load_elsewhere(stack: Stack, lmod: Lmod) -> Mapping[str, str]:
    """Return the variables that the modules of `stack` set in a session of another user.

    That session has no other variables. If the modules do not load in it, because they need a variable that
    the site sets at login, such as the folder of the software for this CPU, it gets all variables of this
    session that do not depend on the user, the terminal or the job.

    Raises
    ------
    ModuleError
        If the modules cannot be loaded in such a session.
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
    """Return whether the variable `name` is one that a site sets for Lmod."""
    return name.startswith(OF_LMOD) and not name.startswith(OF_LOADED_MODULES)


def read_login(own: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the session `own` that the site may have set.

    These are the variables, and the folders of PATH, that would be the same for another user.
    """
    values = {own.get(variable, "") for variable in ANOTHER_SESSION} - {"", "/"}
    # Whole words only: the user `ann` must not match in `/apps/annotation`.
    personal = re.compile("|".join(rf"(?<!\w){re.escape(value)}(?!\w)" for value in values) or "(?!)")
    folders = [folder for folder in own.get("PATH", PROGRAMS).split(":") if not personal.search(folder)]
    found = {
        name: value
        for name, value in own.items()
        if name not in ANSWERS and not OF_A_SESSION.fullmatch(name) and not personal.search(value)
    }
    return {**found, "PATH": ":".join(filter(None, folders))}


def list_missing(variable: str, found: Mapping[str, str], stack: Stack) -> set[str]:
    """Return the entries of `variable` that the modules of `stack` added, and that `found` lacks."""
    sessions = (stack.environ, found, stack.before)
    here, there, before = (set(environ.get(variable, "").split(":")) for environ in sessions)
    return here - there - before - {""}


def contains_current_time(value: str) -> bool:
    """Return whether `value` contains a time of the last hour or the next, in seconds since 1970."""
    now = time.time()
    return any(abs(int(number) - now) < RECENT_S for number in SECONDS.findall(value))
