"""Start a command in an environment: the arguments for sh, and the script that contains them."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from typing import NoReturn

from stackenv.modulefile import SHIPPED, InstalledFile
from stackenv.plain_files import read_file_text
from stackenv.record import FOLDER, Record

# Relative to the environment's prefix. Other programs, such as Jupyter, store only the path of this file.
# When the module gets another name or other base modules, the file is rewritten, and the path stays valid.
LAUNCH_FILE = f"{FOLDER}/launch"
LOSS = "Jupyter kernels of the environment do not start"

# Passed to sh as one argument. Not a template: `stackenv run` must start without the template engine.
SCRIPT = SHIPPED / "shell/launch.sh"


def describe_launch(
    lmod: str,
    full_name: str,
    modulefile: str,
    modulepath: str,
    command: Sequence[str],
    afresh: bool = False,
) -> tuple[str, ...]:
    """Return the words that start `command` in the environment of a personal module.

    They need neither the shell function `module` nor stackenv, so that a kernel or a job script can contain
    them. The exit status is that of the command; 7 if the module cannot be loaded, 127 if the command does
    not exist.

    Parameters
    ----------
    lmod
        The path of the program `lmod`.
    full_name, modulefile
        The full name of the module, and its file.
    modulepath
        The MODULEPATH for it and its base modules, beginning with the folder of the module itself.
    command
        The command and its arguments.
    afresh
        Also leave the environment that is active in the caller's session, and forget its PYTHONPATH.
    """
    script = read_file_text(SCRIPT)
    words = ("yes" if afresh else "no", lmod, full_name, modulefile, modulepath)
    return ("/bin/sh", "-c", script, "stackenv-run", *words, *command)


def describe_launch_file(record: Record) -> InstalledFile:
    """Return the program that starts commands in the environment of `record`, for example for Jupyter."""
    modulefile = f"{record.module_folder}/{record.full_name}.lua"
    values = {
        "SCRIPT": read_file_text(SCRIPT),
        "MODULE": record.full_name,
        "MODULEFILE": modulefile,
        "MODULEPATH": f"{record.module_folder}:{record.modulepath}",
    }
    return InstalledFile(
        f"{record.path}/{LAUNCH_FILE}", "libexec/launch", values=values, executable=True, loss=LOSS
    )


def launch(words: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
    """Replace this process by the command `words`."""
    # Python ignores these signals, a new program inherits that, and sh cannot undo it.
    for name in ("SIGPIPE", "SIGXFSZ"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    os.execve(words[0], list(words), environ)
