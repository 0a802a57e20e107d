"""What an admin begins a site configuration with: each key with its explanation, commented out."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from stackenv.configuration.site_file import SHIPPED_FILE
from stackenv.errors import StackenvError, TakenError
from stackenv.output import print_warning
from stackenv.plain_files import read_file_text
from stackenv.transactions.files import write_new_file

VERSION = "version: "
HEADER = """\
## The site configuration of stackenv. Each key is here, with the value that it has unless you say otherwise.
## A line with one # is a setting: to change it, remove its #, and that of the sections that it is in. Lines
## with two are what is said about it. A list replaces the list here, a mapping is merged with the one here,
## key by key.
##
## Look whether it is right: stackenv site check FILE. It is in use as /etc/stackenv/site.yaml, or where the
## environment variable STACKENV_SITE_CONFIG names it. What is changed below `conda` holds once the modules of
## conda installations are written again: by eb --hooks=$(stackenv site hooks) --module-only --force
## EASYCONFIG, or by stackenv site install.

"""


def render_first_configuration() -> str:
    """Return the text: the shipped configuration, of which only the version of the format is in force."""
    shipped = read_file_text(SHIPPED_FILE)
    # What is above is about the shipped file.
    lines = shipped[shipped.index("# The version of this format.") :].splitlines()
    return HEADER + "".join(f"{comment_out(line)}\n" for line in lines)


def comment_out(line: str) -> str:
    """Return `line` with a # in front of a setting, but the version of the format, and two for a comment."""
    if not line.strip() or line.startswith(VERSION):
        return line
    return line.replace("#", "##", 1) if line.lstrip().startswith("#") else f"#{line}"


def write_first_configuration(path: Path) -> None:
    """Write the text to `path`, where there is nothing.

    Raises
    ------
    TakenError
        When there is a file already.
    StackenvError
        When the folder is not there, or refuses.
    """
    if os.path.lexists(path):
        raise TakenError(
            f"{path} is there already: it is left alone", f"stackenv site check {shlex.quote(str(path))}"
        )
    if not path.parent.is_dir():
        raise StackenvError(
            f"{path.parent} does not exist; nothing was written", f"mkdir -p {shlex.quote(str(path.parent))}"
        )
    write_new_file(path, render_first_configuration())
    if not path.stat().st_mode & 0o004:
        print_warning(f"users cannot read it, and their commands need it: chmod a+r {shlex.quote(str(path))}")
