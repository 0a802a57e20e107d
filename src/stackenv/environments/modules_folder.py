"""The folder with the modulefiles of environments: the user's own, or a project's."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from stackenv.environments.store import ModuleStore
from stackenv.errors import StackenvError, UsageError

if TYPE_CHECKING:
    from stackenv.configuration.settings import SiteConfiguration


def find_store(
    configuration: SiteConfiguration, environ: Mapping[str, str], project: Path | None
) -> ModuleStore:
    """Return the modules of the folder `project`, or without it those of the user.

    Raises
    ------
    StackenvError
        If the path of the user's folder contains a variable that is not set.
    """
    if project:
        return ModuleStore(project / "modules")
    root = configuration.personal.modules.expand(environ)
    if not root or not root.startswith("/"):
        raise StackenvError(
            f"the folder of personal modules, {configuration.personal.modules.text}, contains a "
            "variable that is not set",
            "set the variable, or ask your site to choose another folder in the site configuration "
            "(personal.modules)",
        )
    return ModuleStore(Path(root))


def check_project(root: Path) -> Path:
    """Return `root`, the folder of a project.

    Raises
    ------
    UsageError
        If it does not exist.
    """
    if not root.is_dir():
        raise UsageError(
            f"the project's folder {root} does not exist",
            f"create it with the project's group: mkdir {shlex.quote(str(root))}; chgrp GROUP "
            f"{shlex.quote(str(root))}; chmod g+rwxs {shlex.quote(str(root))}",
        )
    return root
