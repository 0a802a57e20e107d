"""Packages of an environment that need others which are missing, or of another version (`pip check`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from stackenv.errors import StackenvError
from stackenv.health.checked_environment import CheckedEnvironment
from stackenv.health.finding import Finding

# numpy's bounds are a rule of their own: what breaks there crashes.
ELSEWHERE = frozenset({"numpy"})


def find(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield one finding with each need of the environment's own packages that is not met."""
    unmet = [text for name, text in list_unmet(environment) if name not in ELSEWHERE]
    if not unmet:
        return
    name, record = environment.full_name, environment.record
    install = "pip install PACKAGE"
    if record and record.kind == "conda":
        install = f"conda install PACKAGE; what no channel has: {install}"
    shown = "; ".join(unmet[:5]) + (f"; and {len(unmet) - 5} more" if len(unmet) > 5 else "")
    yield Finding(
        "inconsistent",
        "broken",
        shown,
        str(environment.prefix),
        "an import fails, or a function that is called late",
        f"stackenv run {name} -- python -m pip check; install what is missing: ml {name}; {install}",
        parts=tuple(unmet),
    )


def list_unmet(environment: CheckedEnvironment) -> list[tuple[str, str]]:
    """Return what is needed and not met, by its name, with a sentence.

    Of pip's packages alone: conda keeps its own consistent, and names some of them differently. By the
    metadata, without a process; only what is not met by that is asked of the environment's Python, for
    a .pth file may lead to more packages.
    """
    record = environment.record
    if record is None or record.python is None or record.packed or record.user_site:
        return []
    if record.kind == "venv" and environment.loaded_stack is None:
        return []
    found = {str(canonicalize_name(p.name)): p.version for p in environment.stack_packages}
    found.update({str(canonicalize_name(d.metadata["Name"])): d.version for d in environment.distributions})
    unmet = list(compare_needs(environment, found))
    if unmet and environment.believed:
        unmet = list(compare_needs(environment, {**found, **ask_python(environment)}))
    return unmet


def compare_needs(environment: CheckedEnvironment, versions: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield what pip's packages need and `versions` does not meet, by its name, with a sentence."""
    record = environment.record
    assert record is not None and record.python is not None
    markers = {
        "python_version": record.python.minor,
        "python_full_version": record.python.version,
        "extra": "",
    }
    for distribution in environment.owners.distributions:
        for text in distribution.requires or ():
            try:
                needed = Requirement(text)
                applies = needed.marker is None or needed.marker.evaluate(markers)
            except (InvalidRequirement, ValueError):
                continue
            name = canonicalize_name(needed.name)
            own = f"{distribution.metadata['Name']} {distribution.version} needs {needed.name}"
            if applies and name not in versions:
                yield name, f"{own}{needed.specifier}, which is not there"
            elif applies and not is_met(needed.specifier, versions[name]):
                yield name, f"{own}{needed.specifier}, and {versions[name]} is there"


def is_met(specifier: SpecifierSet, version: str) -> bool:
    """Tell whether `version` is one of `specifier`; one that is no version by PEP 440 is not compared."""
    try:
        return specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return True


def ask_python(environment: CheckedEnvironment) -> dict[str, str]:
    """Return the version of each package that the environment's Python finds; nothing if it does not run."""
    from stackenv.environments.python import probe_python

    stack = environment.loaded_stack
    environ = stack.environ if stack else environment.environ
    try:
        probed = probe_python(str(environment.prefix / "bin/python"), environ)
    except StackenvError:
        return {}
    return {str(canonicalize_name(package.name)): package.version for package in probed.packages}
