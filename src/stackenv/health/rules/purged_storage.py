"""An environment on storage from which the site deletes old files."""

from __future__ import annotations

from collections.abc import Iterator

from stackenv.disk.purged_storage import find_purged_storage
from stackenv.health.checked_environment import CheckedEnvironment
from stackenv.health.finding import Finding


def find(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield one finding when the environment is on purged storage."""
    purged = find_purged_storage(environment.prefix, environment.environ, environment.configuration)
    if purged:
        name = environment.full_name
        yield Finding(
            "purged-storage",
            "warning",
            f"it is on storage from which the site deletes files that nobody has read for a while: {purged}",
            str(environment.prefix),
            "files of packages that are seldom read vanish, one after the other, and imports fail",
            f"stackenv rebuild {name} makes it anew at the site's place for environments",
        )
