"""Why an installation failed, from the output of pip or uv: does it conflict with the modules?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from stackenv.errors import InstallError, UnreachableError
from stackenv.record import Record

NO_BUILD_ISOLATION = "--no-build-isolation"
MISSING_MODULE = re.compile(r"(?:ModuleNotFoundError|ImportError): No module named ['\"]([\w.]+)")


@dataclass(frozen=True)
class InstallerWords:
    """How an installer says what went wrong.

    Parameters
    ----------
    installer
        The name of the installer.
    conflict
        A pattern that matches if a pinned package, {name} at {version}, is a cause of a conflict. It is
        applied to the whole output, joined to one line.
    build_failed, no_connection
        Patterns that match if a build failed, and if the package server could not be reached.
    error
        A pattern that matches the lines that name an error.
    general
        The beginnings of error lines that give no cause.
    advice
        What to try if the package server cannot be reached, besides a login node.
    """

    installer: str
    conflict: str
    build_failed: re.Pattern[str]
    no_connection: re.Pattern[str]
    error: re.Pattern[str]
    general: tuple[str, ...]
    advice: str = ""


# For pip 22 to 26. The words of a conflict come from pip/_internal/resolution/resolvelib/factory.py. A
# connection has failed if the last attempt of pip's urllib3 failed, or the download of a single file by URL.
PIP = InstallerWords(
    "pip",
    r"The user requested \(constraint\) {name}(?![\w.-])",
    re.compile(
        r"Failed to build|Failed building wheel|subprocess-exited-with-error|metadata-generation-failed"
    ),
    re.compile(r"Retrying \(Retry\(total=0\b|Max retries exceeded with url"),
    re.compile(r"^ *(?:ERROR|error): (.+)$", re.MULTILINE),
    ("Could not find a version", "ResolutionImpossible", "subprocess-exited", "metadata-generation"),
)
# For uv 0.9 to 0.13. uv resolves the requirements of a build without the constraints, and writes them in
# backquotes. A version that does not exist is not a conflict. If uv does not trust a certificate, it has
# reached a server.
UV = InstallerWords(
    "uv",
    r"No solution found when resolving dependencies.*"
    r"(?<!no version of )(?<![\w.-]){name}=={version}(?![\w+!-]|\.\w)",
    re.compile(r"Failed to build|build backend returned an error"),
    re.compile(r"error sending request for url(?!.*certificate)", re.DOTALL),
    re.compile(r"^ *(?:error:|cause:|Caused by:|[\xd7\u251c\u2570]\S*) +(.+)$", re.MULTILINE),
    ("No solution found", "Failed to build", "The build backend returned", "Failed to download"),
    "; uv does not read pip.conf: set the index of your site in ~/.config/uv/uv.toml or UV_DEFAULT_INDEX",
)


def find_pinned(
    record: Record, arguments: Sequence[str], log: str, words: InstallerWords = PIP
) -> list[tuple[str, str, str]]:
    """Return the pinned packages that caused the failure, by the installer's output, `log`."""
    # Slow to import, and needed only when an installation fails.
    from packaging.requirements import InvalidRequirement, Requirement

    # uv versions of 2025 break lines anywhere.
    said, named = " ".join(log.split()), set()
    for name, version, _ in record.pinned:
        # pip and uv treat these spellings as one name (PEP 503).
        as_said = canonicalize_name(name).replace("-", "[-_.]+")
        pattern = words.conflict.format(name=as_said, version=re.escape(version))
        if re.search(pattern, said, re.IGNORECASE):
            named.add(canonicalize_name(name))
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


def explain_failure(
    record: Record, arguments: Sequence[str], log: str, status: int, words: InstallerWords = PIP
) -> InstallError:
    """Return the error to raise for an installer that exited with `status` and printed `log`."""
    installer = words.installer
    pinned = find_pinned(record, arguments, log, words)
    wanted = " ".join(word for word in arguments if not word.startswith("--"))
    if pinned:
        names = ", ".join(f"{name} {version} (the module {module})" for name, version, module in pinned)
        shadows = " ".join(f"--allow-shadow {name}" for name, _, _ in pinned)
        return InstallError(
            f"{installer} could not install {wanted}: this conflicts with packages of the modules: {names}",
            "choose a version that is compatible with them, load a newer generation of the module, or "
            "let a generic build replace the package in this environment only: the same command with "
            f"{shadows}",
        )
    if words.build_failed.search(log):
        missing = {canonicalize_name(module.split(".")[0]) for module in MISSING_MODULE.findall(log)}
        for name, version, origin in record.pinned:
            if canonicalize_name(name) in missing:
                return InstallError(
                    f"{installer} could not build a package from source: the build did not find {name}, "
                    f"because {installer} isolates builds; the modules provide it ({name} {version}, "
                    f"{origin})",
                    f"the same command with {NO_BUILD_ISOLATION}; apart from setuptools and wheel, name "
                    "everything else that the build needs before this package",
                )
    if words.no_connection.search(log):
        return UnreachableError(
            f"{installer} could not reach the server that has {wanted}",
            "on many sites, only the login nodes reach the internet: run the same command there"
            + words.advice,
            is_output_above=True,
        )
    return InstallError(
        f"{installer} could not install {wanted} (exit status {status})",
        "fix the cause and run the same command again; this attempt left nothing behind",
        find_reason(log, words),
        is_output_above=True,
    )


def find_reason(log: str, words: InstallerWords = PIP) -> str:
    """Return the first line of the installer's output, `log`, that names a cause; empty without one."""
    lines = [line.strip() for line in words.error.findall(log)]
    return next((line for line in lines if not line.startswith(words.general)), "")
