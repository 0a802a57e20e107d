"""Start a command in an environment: the arguments for sh, and the script that contains them."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from typing import NoReturn

from stackenv.modulefile import SHIPPED, InstalledFile
from stackenv.plain_files import read_file_text
from stackenv.record import FOLDER, Record

# Below the environment's prefix. What others keep leads to this file and no further, so that it stays
# right when the module gets another name or is based on other modules: it is written again then.
LAUNCH_FILE = f"{FOLDER}/launch"
LOSS = "Jupyter kernels of the environment do not start"

# For sh, as one word. Read as it is, with its comments: `stackenv run` is to start without a template engine.
SCRIPT = SHIPPED / "shell/launch.sh"


def describe_launch(
    lmod: str,
    full_name: str,
    modulefile: str,
    modulepath: str,
    command: Sequence[str],
    afresh: bool = False,
) -> tuple[str, ...]:
    """Return the words that start `command` in the environment of a personal module, by themselves.

    They need no function `module` and nothing of stackenv: a kernel's or a job's description can hold
    them. The status is the command's; 7 when the module cannot be loaded, 127 without such a command.

    Parameters
    ----------
    lmod
        The path of the program `lmod`.
    full_name, modulefile
        Of the module.
    modulepath
        Where it and the modules below it are found: the folder of the module itself first.
    command
        The command and its arguments.
    afresh
        Forget what the caller's environment has active too, and its PYTHONPATH.
    """
    script = read_file_text(SCRIPT)
    words = ("yes" if afresh else "no", lmod, full_name, modulefile, modulepath)
    return ("/bin/sh", "-c", script, "stackenv-run", *words, *command)


def describe_launch_file(record: Record) -> InstalledFile:
    """Return the program by which others, Jupyter for one, start a command in the environment of `record`."""
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
    """Become the process that `words` start."""
    # Python ignores these from its start, and what is ignored stays so in a new program; sh cannot
    # bring them back.
    for name in ("SIGPIPE", "SIGXFSZ"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    os.execve(words[0], list(words), environ)
