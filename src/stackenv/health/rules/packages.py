"""Installed packages that are damaged, cannot be imported, or are incompatible."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import Distribution
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from stackenv import RECORD_FILE
from stackenv.environments.packed import IMAGE
from stackenv.environments.python import probe_python
from stackenv.errors import StackenvError, quote_word
from stackenv.health.checked_environment import CheckedEnvironment
from stackenv.health.extensions import FailedImport
from stackenv.health.finding import Finding, RunCommand
from stackenv.health.installed_files import NOTES
from stackenv.output import format_count


def find_missing_files(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield a finding for missing files of packages, and one for changed files."""
    record = environment.record
    if record is None or not environment.prefix.is_dir():
        return
    if record.packed:
        yield from check_image(environment)
        return
    missing: dict[str, list[Path]] = {}
    changed: dict[str, list[Path]] = {}
    for requirement, path, is_there in environment.faulty_files:
        (changed if is_there else missing).setdefault(requirement, []).append(path)
    if missing:
        files = sum(map(len, missing.values()))
        what = f"{format_count(files, 'file')} of installed packages {'is' if files == 1 else 'are'} missing"
        yield report_files(environment, missing, what, "broken")
    if changed:
        files = sum(map(len, changed.values()))
        what = (
            f"{format_count(files, 'file')} of installed packages {'was' if files == 1 else 'were'} changed"
        )
        # Packages that are reinstalled for missing files are complete afterwards.
        yield report_files(environment, changed, what, "warning", missing)


def report_files(
    environment: CheckedEnvironment,
    faults: dict[str, list[Path]],
    what: str,
    level: str,
    installed: Collection[str] = (),
) -> Finding:
    """Return the finding of `faults`, files by requirement; its fix leaves out those in `installed`."""
    names = [f"{requirement} ({len(paths)})" for requirement, paths in faults.items()]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    lost = [r for r, paths in faults.items() if any(is_note(path) for path in paths)]
    typed = list_reinstalls(environment.full_name, faults, lost)
    left = [requirement for requirement in faults if requirement not in installed]
    fix = tuple(list_reinstalls(environment.full_name, left, lost))
    return Finding(
        "missing-files",
        "broken" if level == "broken" else "warning",
        f"{what}: {shown}",
        str(next(iter(faults.values()))[0]),
        "imports fail or misbehave; storage that is purged of old files can cause this",
        "; ".join(command.sentence for command in typed),
        fix,
        tuple(faults),
    )


def is_note(path: Path) -> bool:
    """Return whether pip needs the file `path` to uninstall its package."""
    return path.name in NOTES and path.parent.suffix == ".dist-info"


def list_reinstalls(
    full_name: str, requirements: Iterable[str], lost: Collection[str] = ()
) -> Iterator[RunCommand]:
    """Yield the commands that reinstall `requirements`: conda's, with one =, and pip's.

    pip uninstalls a package before it reinstalls it, which is impossible for those that `lost` metadata.
    """
    inside = ("stackenv", "run", full_name, "--")
    by_pip = [r for r in requirements if "==" in r or " @ " in r]
    by_conda = [r for r in requirements if r not in by_pip]
    if by_conda:
        yield RunCommand((*inside, "conda", "install", "--yes", "--force-reinstall", *by_conda))
    for way, names in (
        ("--force-reinstall", [r for r in by_pip if r not in lost]),
        ("--ignore-installed", [r for r in by_pip if r in lost]),
    ):
        if names:
            pip = ("python", "-m", "pip", "install", way, "--no-deps", "--no-cache-dir")
            yield RunCommand((*inside, *pip, *names))


def check_image(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield a finding if the image of a packed environment is missing or truncated."""
    record = environment.record
    assert record is not None and record.packed is not None
    image = environment.prefix / IMAGE
    size = image.stat().st_size if image.is_file() else None
    if size == record.packed.size_bytes:
        return
    yield Finding(
        "missing-files",
        "broken",
        "the image that it is packed into is missing"
        if size is None
        else f"its image has {size} bytes instead of {record.packed.size_bytes}",
        str(image),
        "no file of the environment can be read",
        f"restore the image from a backup, or: stackenv rebuild {environment.full_name}",
    )


def find_extensions(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield a finding for each package in the environment whose compiled modules cannot be imported."""
    record = environment.record
    if record and environment.thorough and not environment.trusted and environment.extensions:
        yield report_not_imported(environment)
    if environment.imports is None:
        return
    failed = {found.name: found for found in environment.imports.list_failed(environment.showing)}
    for distribution, names in environment.extensions.items():
        elsewhere = [name for name in names if name in failed and failed[name].is_of_elsewhere]
        yield from report_elsewhere(environment, distribution, elsewhere, failed)
        broken = [name for name in names if name in failed and failed[name].is_broken]
        if broken:
            yield report_broken(environment, distribution, broken, failed[broken[0]].words)


def report_not_imported(environment: CheckedEnvironment) -> Finding:
    """Return the finding that nothing was imported, because other users could have written the code."""
    number = sum(map(len, environment.extensions.values()))
    modules = f"{format_count(number, 'compiled module')} {'was' if number == 1 else 'were'}"
    return Finding(
        "extensions",
        "unchecked",
        f"{modules} not imported: another user could have written the environment's record",
        str(environment.prefix / RECORD_FILE),
        "an import runs code from the environment, so whether these imports work is unknown",
        f"ask its owner to run: stackenv check {environment.full_name}; if it is your own: chmod go-w "
        f"{quote_word(str(environment.prefix / RECORD_FILE))}",
    )


def report_broken(
    environment: CheckedEnvironment, distribution: Distribution, broken: Sequence[str], why: str
) -> Finding:
    """Return the finding that modules of `distribution` cannot be imported; `why` is the first's error."""
    requirement = environment.owners.find_requirement(distribution, environment.prefix)
    (command,) = list_reinstalls(environment.full_name, [requirement])
    # The rule `missing-files` already reinstalls it.
    is_damaged = any(fault.requirement == requirement for fault in environment.faulty_files)
    is_conda = environment.record is not None and environment.record.kind == "conda"
    name = canonicalize_name(distribution.metadata["Name"])
    return Finding(
        "extensions",
        "broken",
        f"{name} {distribution.version}: {broken[0]} cannot be imported: {why}"
        + (f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""),
        str(distribution.locate_file("")),
        "it was built for other libraries, another numpy or another kind of node",
        f"{command.sentence}; or, with other modules: stackenv rebuild {environment.full_name}",
        () if is_conda or is_damaged else (command,),
        tuple(f"{name}: {module}" for module in broken),
    )


def report_elsewhere(
    environment: CheckedEnvironment,
    distribution: Distribution,
    names: Sequence[str],
    failed: Mapping[str, FailedImport],
) -> Iterator[Finding]:
    """Yield the finding that extensions cannot be tested here: no GPU, not in a job, or too slow."""
    if names:
        yield Finding(
            "extensions",
            "unchecked",
            f"{distribution.metadata['Name']} {distribution.version}: {names[0]} cannot be tested here: "
            f"{failed[names[0]].words}" + (f" (and {len(names) - 1} more)" if len(names) > 1 else ""),
            str(distribution.locate_file("")),
            "it may work on a node with a GPU, or in a job",
            f"on such a node: stackenv check {environment.full_name}",
        )


def find_numpy_bounds(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield a finding with the packages in the environment that require another version of numpy."""
    unmet = [text for name, text in list_unmet(environment) if name == "numpy"]
    if unmet:
        yield Finding(
            "numpy-bounds",
            "broken",
            "; ".join(unmet),
            str(environment.prefix),
            "compiled packages crash or give wrong results with a numpy that they were not built for",
            f"to upgrade the package: ml {environment.full_name}; pip install --upgrade PACKAGE; or "
            f"{advise_numpy(environment)}",
        )


def advise_numpy(environment: CheckedEnvironment) -> str:
    """Return how to change numpy, depending on where the environment has it from."""
    if any(note["name"] == "numpy" for note in environment.owners.by_conda):
        return "to change numpy: conda install numpy=VERSION"
    if environment.record and environment.record.kind == "conda":
        return "to change numpy: pip install numpy==VERSION"
    return f"to use modules with another numpy: stackenv rebuild {environment.full_name} -m MODULE"


# The bounds of numpy have a rule of their own, because breaking them causes crashes.
OF_ANOTHER_RULE = frozenset({"numpy"})


def find_inconsistent(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield a finding with the unmet requirements of the packages in the environment."""
    unmet = [text for name, text in list_unmet(environment) if name not in OF_ANOTHER_RULE]
    if not unmet:
        return
    name, record = environment.full_name, environment.record
    install = "pip install PACKAGE"
    if record and record.kind == "conda":
        install = f"conda install PACKAGE; or, if no channel has it: {install}"
    shown = "; ".join(unmet[:5]) + (f"; and {len(unmet) - 5} more" if len(unmet) > 5 else "")
    yield Finding(
        "inconsistent",
        "broken",
        shown,
        str(environment.prefix),
        "imports fail, or a function fails later when it is called",
        f"stackenv run {name} -- python -m pip check; to install what is missing: ml {name}; {install}",
        parts=tuple(unmet),
    )


def list_unmet(environment: CheckedEnvironment) -> list[tuple[str, str]]:
    """Return the unmet requirements: the name of the missing package, and a sentence.

    Only for packages that pip installed: conda keeps its own consistent, and names some differently. This
    reads metadata without starting a process; the environment's Python is asked only if a requirement is
    unmet, because a .pth file may add packages.
    """
    record = environment.record
    if record is None or record.python is None or record.packed or record.user_site:
        return []
    if record.kind == "venv" and environment.loaded_stack is None:
        return []
    found = {str(canonicalize_name(p.name)): p.version for p in environment.stack_packages}
    found.update({str(canonicalize_name(d.metadata["Name"])): d.version for d in environment.distributions})
    unmet = list(compare_needs(environment, found))
    if unmet and environment.trusted:
        unmet = list(compare_needs(environment, {**found, **ask_python(environment)}))
    return unmet


def compare_needs(environment: CheckedEnvironment, versions: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the requirements of packages of pip that `versions` does not meet: the name, and a sentence."""
    record = environment.record
    assert record is not None and record.python is not None
    markers = {
        "python_version": record.python.minor,
        "python_full_version": record.python.version,
        "extra": "",
    }
    for distribution in environment.owners.distributions:
        owner = f"{distribution.metadata['Name']} {distribution.version}"
        for text in distribution.requires or ():
            try:
                needed = Requirement(text)
                applies = needed.marker is None or needed.marker.evaluate(markers)
            except (InvalidRequirement, ValueError):
                continue
            name = canonicalize_name(needed.name)
            own = f"{owner} requires {needed.name}"
            if applies and name not in versions:
                yield name, f"{own}{needed.specifier}, which is not installed"
            elif applies and not is_met(needed.specifier, versions[name]):
                yield name, f"{own}{needed.specifier}, but {versions[name]} is installed"


def is_met(specifier: SpecifierSet, version: str) -> bool:
    """Return whether `version` satisfies `specifier`; also true if it is not a version by PEP 440."""
    try:
        return specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return True


def ask_python(environment: CheckedEnvironment) -> dict[str, str]:
    """Return the version of each package that the environment's Python finds; empty if it does not run."""
    stack = environment.loaded_stack
    environ = stack.environ if stack else environment.environ
    try:
        probed = probe_python(str(environment.prefix / "bin/python"), environ)
    except StackenvError:
        return {}
    return {str(canonicalize_name(package.name)): package.version for package in probed.packages}
