"""The part of a modulefile that the EasyBuild hook adds, for `stackenv site render`."""

from __future__ import annotations

import os
from pathlib import Path

from stackenv.configuration.loader import load_configuration
from stackenv.configuration.site_file import find_configuration_file
from stackenv.site.software import Software, find_software

HOOKS = Path(__file__).parent.parent / "hooks" / "stackenv_hooks.py"


def find_rendered(name: str, version: str, root: str, file: Path | None) -> Software:
    """Return the software whose part of a modulefile is to be shown.

    `file` is the site configuration, by default the active one.
    """
    configuration = load_configuration(find_configuration_file(os.environ, file))
    return find_software(name, f"{name}/{version}", root, configuration)
