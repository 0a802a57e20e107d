"""What to tell when pip fails: which package, which module pins it, and the way out."""

from __future__ import annotations

import re
from collections.abc import Sequence

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from stackenv.errors import InstallError, UnreachableError
from stackenv.record import Record

NO_BUILD_ISOLATION = "--no-build-isolation"
# pip's resolver (pip/_internal/resolution/resolvelib/factory.py, 22 to 26): what stands in conflict.
CONSTRAINT_IN_CONFLICT = re.compile(r"The user requested \(constraint\) ([A-Za-z0-9][\w.-]*)")
BUILD_FAILED = re.compile(
    r"Failed to build|Failed building wheel|subprocess-exited-with-error|metadata-generation-failed"
)
# The last of its attempts has failed (pip's urllib3), or a file that was named by its URL.
NO_CONNECTION = re.compile(r"Retrying \(Retry\(total=0\b|Max retries exceeded with url")
ERROR = re.compile(r"^ *(?:ERROR|error): (.+)$", re.MULTILINE)
# What says no more than that there was an error.
GENERAL = ("Could not find a version", "ResolutionImpossible", "subprocess-exited", "metadata-generation")
MISSING_MODULE = re.compile(r"(?:ModuleNotFoundError|ImportError): No module named ['\"]([\w.]+)")


def find_pinned(record: Record, arguments: Sequence[str], log: str) -> list[tuple[str, str, str]]:
    """Return which of the pinned packages the failure in pip's words, `log`, is about."""
    named = {canonicalize_name(name) for name in CONSTRAINT_IN_CONFLICT.findall(log)}
    for argument in arguments:
        try:
            requirement = Requirement(argument)
        except InvalidRequirement:
            continue
        for name, version, _ in record.pinned:
            same = canonicalize_name(name) == canonicalize_name(requirement.name)
            if same and not requirement.specifier.contains(version, prereleases=True):
                named.add(canonicalize_name(name))
    return [pin for pin in record.pinned if canonicalize_name(pin[0]) in named]


def explain_failure(record: Record, arguments: Sequence[str], log: str, status: int) -> InstallError:
    """Return the error to raise for a pip that ended with `status` and said `log`."""
    pinned = find_pinned(record, arguments, log)
    wanted = " ".join(word for word in arguments if not word.startswith("--"))
    if pinned:
        names = ", ".join(f"{name} {version} (the module {module})" for name, version, module in pinned)
        shadows = " ".join(f"--allow-shadow {name}" for name, _, _ in pinned)
        return InstallError(
            f"pip could not install {wanted}: another version is asked for than the stack's {names}",
            "look for a version that goes with the stack's, load a newer generation of that module, or let "
            f"a generic build replace it in this environment alone: the same command with {shadows}",
        )
    if BUILD_FAILED.search(log):
        missing = {canonicalize_name(module.split(".")[0]) for module in MISSING_MODULE.findall(log)}
        for name, version, origin in record.pinned:
            if canonicalize_name(name) in missing:
                return InstallError(
                    f"pip could not build a package from source: its build did not see {name}, which pip's "
                    f"isolated builds hide; the stack has it ({name} {version}, {origin})",
                    f"the same command with {NO_BUILD_ISOLATION}; what else the build needs, beyond "
                    "setuptools and wheel, must then be named as packages before this one",
                )
    if NO_CONNECTION.search(log):
        return UnreachableError(
            f"pip could not reach from here where {wanted} is to come from; what it says stands above",
            "on many sites only the login nodes reach the internet: type the same command there",
        )
    return InstallError(
        f"pip could not install {wanted} (status {status}); what it says stands above",
        "correct that and type the same command again; nothing is left of this attempt",
        find_reason(log),
    )


def find_reason(log: str) -> str:
    """Return the line of pip's words, `log`, that tells most; empty when none does."""
    lines = [line.strip() for line in ERROR.findall(log)]
    return next((line for line in lines if not line.startswith(GENERAL)), "")
