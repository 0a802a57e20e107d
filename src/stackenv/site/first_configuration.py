"""The site configuration that an admin starts with: every key with its explanation, commented out."""

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
## The site configuration of stackenv, with all its keys and their default values.
##
## A line that begins with one # is a setting. To change it, remove its # and that of the sections that it
## is in. Lines that begin with ## are explanations. A list replaces the default list; a mapping is merged
## with the default, key by key.
##
## Check your changes: stackenv site check FILE. stackenv reads /etc/stackenv/site.yaml, or the file that the
## environment variable STACKENV_SITE_CONFIG names. Changes below `conda` take effect when the modules of
## your conda installations are written again: by eb --hooks=$(stackenv site hooks) --module-only --force
## EASYCONFIG, or by stackenv site install.

"""


def render_first_configuration() -> str:
    """Return the text: the shipped configuration, in which only the version of the format is active."""
    shipped = read_file_text(SHIPPED_FILE)
    # The lines above this one are about the shipped file.
    lines = shipped[shipped.index("# The version of this format.") :].splitlines()
    return HEADER + "".join(f"{comment_out(line)}\n" for line in lines)


def comment_out(line: str) -> str:
    """Return `line` with # before a setting, except the version of the format, and ## for a comment."""
    if not line.strip() or line.startswith(VERSION):
        return line
    return line.replace("#", "##", 1) if line.lstrip().startswith("#") else f"#{line}"


def write_first_configuration(path: Path) -> None:
    """Write the text to `path`, which must not exist yet.

    Raises
    ------
    TakenError
        If there is a file already.
    StackenvError
        If the folder does not exist or cannot be written.
    """
    if os.path.lexists(path):
        raise TakenError(
            f"{path} already exists and is left unchanged", f"stackenv site check {shlex.quote(str(path))}"
        )
    if not path.parent.is_dir():
        raise StackenvError(
            f"{path.parent} does not exist; nothing was written", f"mkdir -p {shlex.quote(str(path.parent))}"
        )
    write_new_file(path, render_first_configuration())
    if not path.stat().st_mode & 0o004:
        print_warning(
            f"users cannot read {path}, but their commands need it", f"chmod a+r {shlex.quote(str(path))}"
        )
