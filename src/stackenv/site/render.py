"""What the EasyBuild hook adds to a modulefile, to look at."""

from __future__ import annotations

import os
from pathlib import Path

from stackenv.conda.installation import probe_installation
from stackenv.conda.module import LIBEXEC, describe_conda_module
from stackenv.configuration.loader import load_configuration
from stackenv.configuration.site_file import find_configuration_file
from stackenv.modulefile.text import render_module

HOOKS = Path(__file__).parent.parent / "hooks" / "stackenv_hooks.py"


def render_conda_module(name: str, version: str, root: str, file: Path | None) -> tuple[str, str]:
    """Return the text for the modulefile of a conda installation, and where its files would be written.

    `file` is the site configuration; without it, it is the one in use.
    """
    configuration = load_configuration(file or find_configuration_file(os.environ))
    installation = probe_installation(name, f"{name}/{version}", root)
    spec = describe_conda_module(installation, configuration.conda)
    return render_module(spec, configuration.conda.templates), f"{installation.root}/{LIBEXEC}"
