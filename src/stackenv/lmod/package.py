"""Where Lmod keeps its files for shells."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from stackenv.errors import StackenvError
from stackenv.lmod.bindings import find_lmod


def find_lmod_package(environ: Mapping[str, str]) -> str:
    """Return the folder of Lmod that has init/bash, as Lmod's own LMOD_PKG does.

    Raises
    ------
    StackenvError
        When there is none.
    """
    lmod = find_lmod(environ)
    # A link to a version, in front of what it leads to: the version may be replaced.
    candidates = [str(Path(lmod).parents[1]), environ.get("LMOD_PKG", "")]
    candidates.append(str(Path(os.path.realpath(lmod)).parents[1]))
    for candidate in candidates:
        if candidate and Path(candidate, "init/bash").is_file():
            return candidate
    raise StackenvError(
        f"Lmod's init/bash was not found beside {lmod}",
        "export LMOD_PKG=/path/to/lmod, the folder with init in it",
    )
