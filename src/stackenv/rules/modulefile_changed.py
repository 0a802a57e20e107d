"""A modulefile is not as stackenv has written it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from stackenv.facts.checked_environment import CheckedEnvironment
from stackenv.model.finding import Finding


def find(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield one finding when the hash in the modulefile's first line is not that of the rest."""
    first, _, body = environment.modulefile.read_bytes().partition(b"\n")
    if first.endswith(f" sha256:{hashlib.sha256(body).hexdigest()}".encode()):
        return
    cure = environment.refresh
    yield Finding(
        "modulefile-changed",
        "warning",
        "somebody has changed the modulefile by hand",
        str(environment.modulefile),
        "what it does is not what the record says; the next `stackenv edit` writes it anew, and keeps the "
        "changed one as VERSION.lua.orig",
        cure.sentence,
        (cure,),
    )
