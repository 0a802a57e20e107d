"""What the EasyBuild hook adds to a modulefile, to look at."""

from __future__ import annotations

import os
from pathlib import Path

from stackenv.configuration.loader import load_configuration
from stackenv.configuration.site_file import find_configuration_file
from stackenv.site.software import Software, find_software

HOOKS = Path(__file__).parent.parent / "hooks" / "stackenv_hooks.py"


def find_rendered(name: str, version: str, root: str, file: Path | None) -> Software:
    """Return the software whose part of a modulefile is to be looked at.

    `file` is the site configuration; without it, it is the one in use.
    """
    configuration = load_configuration(find_configuration_file(os.environ, file))
    return find_software(name, f"{name}/{version}", root, configuration)
