"""Storage from which the site deletes old files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from stackenv.configuration import SitePolicy


def find_purged_storage(path: Path, environ: Mapping[str, str], policy: SitePolicy) -> str:
    """Return the purged folder of the policy that holds `path`, by its name or in truth; empty when none."""
    for template in policy.conda.purged_storage:
        purged = template.expand(environ)
        if purged and purged.startswith("/"):
            for folder, place in ((purged, path), (os.path.realpath(purged), os.path.realpath(path))):
                if f"{place}/".startswith(f"{folder.rstrip('/')}/"):
                    return purged
    return ""
