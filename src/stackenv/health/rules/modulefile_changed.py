"""A modulefile is not as stackenv has written it."""

from __future__ import annotations

from collections.abc import Iterator

from stackenv.health.checked_environment import CheckedEnvironment
from stackenv.health.finding import Finding
from stackenv.modulefile.text import is_as_written


def find(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield one finding when the hash in the modulefile's first line is not that of the rest."""
    if is_as_written(environment.modulefile.read_text(encoding="utf-8", errors="surrogateescape")):
        return
    fix = environment.refresh
    yield Finding(
        "modulefile-changed",
        "warning",
        "somebody has changed the modulefile by hand",
        str(environment.modulefile),
        "what it does is not what the record says; the next `stackenv edit` writes it anew, and keeps the "
        "changed one as VERSION.lua.orig",
        fix.sentence,
        (fix,),
    )
