"""Packages of an environment that the site's modules also have, built for this machine."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import Distribution
from pathlib import Path

from packaging.markers import UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from stackenv.environments.stack import BUILD_BACKENDS
from stackenv.health.checked_environment import CheckedEnvironment
from stackenv.health.finding import Finding, RunCommand
from stackenv.output import format_bytes


def find_shadows(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield a finding for each package in a venv that hides one of its modules without being allowed to.

    After it is uninstalled, uv sees no package of that name until a refresh writes the stub again.
    """
    record = environment.record
    if record is None or record.kind != "venv" or record.packed:
        return
    stack = environment.loaded_stack
    if stack is None:
        return
    free = BUILD_BACKENDS | {canonicalize_name(name) for name in record.allow_shadow}
    below = {canonicalize_name(p.name): p for p in environment.stack_packages}
    shown = {canonicalize_name(stub.name) for stub in record.stubs}
    for distribution in environment.distributions:
        name = canonicalize_name(distribution.metadata["Name"])
        if name not in below or name in free:
            continue
        theirs = below[name]
        module = stack.module_of(theirs)
        size, since = measure_distribution(distribution)
        inside = ("stackenv", "run", environment.full_name, "--")
        uninstall = RunCommand((*inside, "python", "-m", "pip", "uninstall", "--yes", name))
        fix = (uninstall, environment.refresh) if name in shown else (uninstall,)
        typed = "; ".join(action.sentence for action in fix)
        allow = f"to keep it: stackenv edit {environment.full_name} --allow-shadow {name}"
        needing = next(list_needing(environment.distributions, name, theirs.version), "")
        yield Finding(
            "shadows",
            "warning",
            f"{distribution.metadata['Name']} {distribution.version} hides {theirs.version} of {module} "
            f"({format_bytes(size)}, installed {since})",
            str(distribution.locate_file("")),
            "a generic build replaces the one optimised for this machine, and other packages of the modules "
            "were built against the module's version",
            f"{needing}; {allow}" if needing else f"{typed}; {allow}",
            () if needing else fix,
        )


def list_needing(distributions: Iterable[Distribution], name: str, version: str) -> Iterator[str]:
    """Yield a sentence for each requirement of `distributions` that `version` of `name` does not satisfy."""
    for distribution in distributions:
        for line in distribution.requires or ():
            with contextlib.suppress(InvalidRequirement, UndefinedEnvironmentName):
                needed = Requirement(line)
                if canonicalize_name(needed.name) != name or needed.specifier.contains(version, True):
                    continue
                if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                    yield f"{distribution.metadata['Name']} requires {line}, which {version} does not satisfy"


def measure_distribution(distribution: Distribution) -> tuple[int, str]:
    """Return the size in bytes of `distribution` and the day of its installation, by its RECORD.

    Without a RECORD, by the files that exist.
    """
    files = [(file, Path(str(distribution.locate_file(file)))) for file in distribution.files or ()]
    notes = [path for file, path in files if file.name == "RECORD"] or [path for _, path in files]
    note = next((path for path in notes if path.is_file()), Path(str(distribution.locate_file(""))))
    size = sum(measure_file(path) if file.size is None else file.size for file, path in files)
    if not note.exists():
        return size, "on an unknown day"
    day = datetime.datetime.fromtimestamp(note.stat().st_mtime, datetime.timezone.utc).date()
    return size, day.isoformat()


def measure_file(path: Path) -> int:
    return path.lstat().st_size if path.is_file() else 0


# Packages for which an optimised build matters: conda's names, and those of EasyBuild's modules
# (the SciPy-bundle holds numpy, scipy and pandas; easybuild-easyconfigs).
OPTIMISED: Mapping[str, str] = {
    "h5py": "h5py",
    "jax": "jax",
    "mpi4py": "mpi4py",
    "numpy": "SciPy-bundle",
    "openmpi": "OpenMPI",
    "pandas": "SciPy-bundle",
    "pytorch": "PyTorch",
    "scikit-learn": "scikit-learn",
    "scipy": "SciPy-bundle",
    "tensorflow": "TensorFlow",
    "r-base": "R",
}


def find_generic_packages(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield a finding with the conda packages for which a module has an optimised build."""
    record = environment.record
    if record is None or record.kind != "conda":
        return
    names = {package.name: package.version for package in environment.packages if not package.installer}
    offered: dict[str, str] = {}
    for name, module in OPTIMISED.items():
        if name in names and module in environment.loader.modules:
            offered[f"{name} {names[name]}"] = environment.loader.modules[module]
    if not offered:
        return
    modules = sorted(set(offered.values()))
    yield Finding(
        "generic-packages",
        "warning",
        f"it has generic conda builds of {', '.join(offered)}; modules optimised for this machine: "
        f"{', '.join(modules)}",
        str(environment.prefix),
        "calculations can take several times as long",
        "if you need nothing else from conda: stackenv create NAME "
        f"{' '.join(f'-m {m}' for m in modules)} PACKAGE",
    )
