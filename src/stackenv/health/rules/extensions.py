"""Compiled packages of an environment that do not import."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import Distribution

from packaging.utils import canonicalize_name

from stackenv.health.checked_environment import CheckedEnvironment
from stackenv.health.extensions import list_extensions, probe_imports
from stackenv.health.finding import Finding
from stackenv.health.rules.packages import list_reinstalls

# Of other errors many are meant: an optional package that is not there, a test that wants its runner.
TELLING = (
    "undefined symbol",
    "cannot open shared object",
    "version `",
    "invalid ELF",
    "file too short",
    "size changed",
    "multiarray",
    "_ARRAY_API",
    "compiled using NumPy",
    "wrong ELF class",
    "cannot enable executable stack",
)
# Libraries of drivers, which are on the nodes that have the hardware.
DRIVERS = ("libcuda.so", "libnvidia-", "libnvcuvid", "libhsa-runtime", "libamdhip64", "libze_loader")


def find(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield a finding for each own package with extensions that crash or that the loader refuses.

    An import runs what is in the environment: only where nobody else can have written the record.
    """
    record = environment.record
    if record is None or record.packed or not (environment.thorough and environment.believed):
        return
    of_package = {d: list_extensions(d) for d in environment.distributions}
    compiled = {d: names for d, names in of_package.items() if names}
    python = environment.prefix / "bin/python"
    stack = environment.loaded_stack
    if not compiled or not python.exists() or stack is None:
        return
    environ = {**stack.environ, "STACKENV_TOLD": record.full_name}
    environ.pop("PYTHONHOME", None)
    failed, elsewhere = {}, {}
    for name, kind, words in probe_imports(str(python), compiled.values(), environ):
        if kind in ("slow", "exit") or any(driver in words for driver in DRIVERS):
            elsewhere[name] = words
        elif kind == "crash" or any(telling in words for telling in TELLING):
            failed[name] = words
    for distribution, names in compiled.items():
        broken = [name for name in names if name in failed]
        yield from tell_elsewhere(distribution, [name for name in names if name in elsewhere], elsewhere)
        if broken:
            requirement = environment.owners.find_requirement(distribution, environment.prefix)
            (command,) = list_reinstalls(environment.full_name, [requirement])
            # Then it is installed again for that already.
            is_damaged = any(fault.requirement == requirement for fault in environment.faulty_files)
            name = canonicalize_name(distribution.metadata["Name"])
            yield Finding(
                "extensions",
                "broken",
                f"{name} {distribution.version}: {broken[0]} cannot be imported: {failed[broken[0]]}"
                + (f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""),
                str(distribution.locate_file("")),
                "it was built for other libraries, another numpy or another node than are here now",
                f"{command.sentence}; with other modules: stackenv rebuild {environment.full_name}",
                () if record.kind == "conda" or is_damaged else (command,),
                tuple(f"{name}: {module}" for module in broken),
            )


def tell_elsewhere(
    distribution: Distribution, names: Sequence[str], why: Mapping[str, str]
) -> Iterator[Finding]:
    """Yield the finding that extensions cannot be tried here: without a GPU, outside of a job, in time."""
    if names:
        yield Finding(
            "extensions",
            "unchecked",
            f"{distribution.metadata['Name']} {distribution.version}: {names[0]} cannot be tried here: "
            f"{why[names[0]]}" + (f" (and {len(names) - 1} more)" if len(names) > 1 else ""),
            str(distribution.locate_file("")),
            "it may work where it is meant to run: on a node with a GPU, or in a job",
            "the same again there: stackenv check NAME",
        )
