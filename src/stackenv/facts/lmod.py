"""Where Lmod is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

from stackenv.errors import StackenvError

# Debian's package, and the prefix of Lmod's own instructions (Lmod documentation, "Installing Lmod").
USUAL_PLACES = ("/usr/share/lmod/lmod/libexec/lmod", "/opt/apps/lmod/lmod/libexec/lmod")


def find_lmod(environ: Mapping[str, str]) -> str:
    """Return the path of the program `lmod`: LMOD_CMD, else on PATH, else in a usual place.

    Raises
    ------
    StackenvError
        When there is none.
    """
    on_path = shutil.which("lmod", path=environ.get("PATH"))
    for candidate in (environ.get("LMOD_CMD"), on_path, *USUAL_PLACES):
        if candidate and os.access(candidate, os.X_OK):
            return candidate
    raise StackenvError(
        "Lmod was not found: LMOD_CMD is not set, and there is no lmod on PATH",
        "source Lmod's init file, or export LMOD_CMD=/path/to/lmod/libexec/lmod",
    )
