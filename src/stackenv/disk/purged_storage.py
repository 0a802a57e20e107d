"""Storage from which the site deletes old files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from stackenv.configuration.settings import SiteConfiguration


def find_purged_folder(path: Path, environ: Mapping[str, str], configuration: SiteConfiguration) -> str:
    """Return the configured purged folder that holds `path`, as written or resolved; empty if none does."""
    for template in configuration.conda.purged_storage:
        purged = template.expand(environ)
        if purged and purged.startswith("/"):
            for folder, place in ((purged, path), (os.path.realpath(purged), os.path.realpath(path))):
                if f"{place}/".startswith(f"{folder.rstrip('/')}/"):
                    return purged
    return ""
