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
        Its name.
    conflict
        A pattern that finds a held package, {name} at {version}, among the causes of a conflict, in all that
        was said as one line.
    build_failed, no_connection
        What is found where a build has failed, and where packages come from cannot be reached.
    error
        What finds the lines that name an error.
    general
        How such a line begins that says no more than that there was one.
    advice
        Where packages come from that cannot be reached, beside the login nodes.
    """

    installer: str
    conflict: str
    build_failed: re.Pattern[str]
    no_connection: re.Pattern[str]
    error: re.Pattern[str]
    general: tuple[str, ...]
    advice: str = ""


# pip 22 to 26; the conflict is in pip/_internal/resolution/resolvelib/factory.py. There is no connection when
# the last attempt of pip's urllib3 has failed, or a file that was named by its URL.
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
# uv 0.9 to 0.13. What a build requires is resolved without the constraints, and is in backquotes there. That
# a version does not exist is no conflict. With a certificate that it does not trust, uv has reached somebody.
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
    """Return which of the pinned packages the failure in the installer's words, `log`, is about."""
    # Slow to import, and needed only when an installation fails.
    from packaging.requirements import InvalidRequirement, Requirement

    # uv of 2025 breaks lines anywhere.
    said, named = " ".join(log.split()), set()
    for name, version, _ in record.pinned:
        # As pip and uv take one name for another (PEP 503).
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
    """Return the error to raise for an installer that ended with `status` and said `log`."""
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
                    f"the same command with {NO_BUILD_ISOLATION}; whatever else the build needs, apart "
                    "from setuptools and wheel, must then be named before this package",
                )
    if words.no_connection.search(log):
        return UnreachableError(
            f"{installer} could not reach the server that has {wanted}; see its output above",
            "on many sites, only the login nodes reach the internet: run the same command there"
            + words.advice,
        )
    return InstallError(
        f"{installer} could not install {wanted} (exit status {status}); see its output above",
        "fix the cause and run the same command again; this attempt left nothing behind",
        find_reason(log, words),
    )


def find_reason(log: str, words: InstallerWords = PIP) -> str:
    """Return the line of the installer's words, `log`, that tells most; empty when none does."""
    lines = [line.strip() for line in words.error.findall(log)]
    return next((line for line in lines if not line.startswith(words.general)), "")
