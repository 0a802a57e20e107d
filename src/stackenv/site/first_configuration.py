"""What an admin begins a site configuration with: each key with its explanation, commented out."""

from __future__ import annotations

import shlex
from pathlib import Path

from stackenv.configuration.site_file import SHIPPED_FILE
from stackenv.errors import StackenvError
from stackenv.output import tell
from stackenv.transactions.files import write_new_file

VERSION = "version: "
HEADER = """\
# The site configuration of stackenv. Each key is here, with the value that it has unless you say otherwise.
# To change one, remove the # in front of it and of the sections that it is in: a comment keeps its # and the
# space behind it. A list replaces the list here, a mapping is merged with the one here key by key.
#
# Look whether it is right: stackenv site check FILE. It is in use as /etc/stackenv/site.yaml, or where the
# environment variable STACKENV_SITE_CONFIG names it. What is changed below `conda` holds once the modules of
# conda installations are built again: eb --hooks=$(stackenv site hooks) --module-only --force EASYCONFIG.

"""


def render_first_configuration() -> str:
    """Return the text: the shipped configuration, of which only the version of the format is in force."""
    shipped = SHIPPED_FILE.read_text(encoding="utf-8")
    # What is above is about the shipped file.
    lines = shipped[shipped.index("# The version of this format.") :].splitlines()
    return HEADER + "".join(f"{comment_out(line)}\n" for line in lines)


def comment_out(line: str) -> str:
    """Return `line` as a comment, unless it is one already, is empty, or says the version of the format."""
    return line if line.lstrip()[:1] in ("", "#") or line.startswith(VERSION) else f"#{line}"


def write_first_configuration(path: Path) -> None:
    """Write the text to `path`, where there is nothing.

    Raises
    ------
    TakenError
        When there is a file already.
    StackenvError
        When the folder is not there, or refuses.
    """
    if not path.parent.is_dir():
        raise StackenvError(
            f"{path.parent} does not exist; nothing was written", f"mkdir -p {shlex.quote(str(path.parent))}"
        )
    write_new_file(path, render_first_configuration())
    if not path.stat().st_mode & 0o004:
        tell(f"WARNING: users cannot read it, and their commands need it: chmod a+r {shlex.quote(str(path))}")
