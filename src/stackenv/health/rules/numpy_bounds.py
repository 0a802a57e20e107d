"""Packages of an environment that were built for another numpy than its stack has."""

from __future__ import annotations

from collections.abc import Iterator

from stackenv.health.checked_environment import CheckedEnvironment
from stackenv.health.finding import Finding
from stackenv.health.rules.inconsistent import list_unmet


def find(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield one finding with each own package whose declared bounds the numpy that it finds breaks."""
    unmet = [text for name, text in list_unmet(environment) if name == "numpy"]
    if unmet:
        yield Finding(
            "numpy-bounds",
            "broken",
            "; ".join(unmet),
            str(environment.prefix),
            "compiled packages crash, or count wrong, with a numpy that they were not built for",
            f"a version of the package that fits: ml {environment.full_name}; pip install --upgrade "
            f"PACKAGE; or {advise_numpy(environment)}",
        )


def advise_numpy(environment: CheckedEnvironment) -> str:
    """Return what gives the environment another numpy, by where it has this one from."""
    if any(note["name"] == "numpy" for note in environment.owners.by_conda):
        return "another numpy: conda install numpy=VERSION"
    if environment.record and environment.record.kind == "conda":
        return "another numpy: pip install numpy==VERSION"
    return f"modules with another numpy: stackenv rebuild {environment.full_name} -m MODULE"
