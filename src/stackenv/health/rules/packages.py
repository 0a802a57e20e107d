"""Files of installed packages are missing or damaged: what a purge of old files leaves."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from stackenv.health.checked_environment import CheckedEnvironment
from stackenv.health.finding import Finding, RunCommand
from stackenv.health.installed_files import NOTES


def find(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield one finding for missing files and one for changed ones; contents are read if `thorough`."""
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
        what = f"files of installed packages that are missing: {files}"
        yield report(environment, missing, what, "broken")
    if changed:
        files = sum(map(len, changed.values()))
        what = f"files of installed packages that are not as they were installed: {files}"
        # What is installed again for its missing files is whole by that.
        yield report(environment, changed, what, "warning", missing)


def report(
    environment: CheckedEnvironment,
    faults: dict[str, list[Path]],
    what: str,
    level: str,
    installed: Collection[str] = (),
) -> Finding:
    """Return the finding of `faults`: files by what installs them again, if it is not `installed` yet."""
    names = [f"{requirement} ({len(paths)})" for requirement, paths in faults.items()]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    lost = [r for r, paths in faults.items() if any(is_note(path) for path in paths)]
    typed = list_reinstalls(environment.full_name, faults, lost)
    left = [requirement for requirement in faults if requirement not in installed]
    fix = tuple(list_reinstalls(environment.full_name, left, lost))
    return Finding(
        "missing-files",
        "broken" if level == "broken" else "warning",
        f"{what}; {shown}",
        str(next(iter(faults.values()))[0]),
        "an import fails, or does something else than it should; a file system that is purged of old files "
        "does that",
        "; ".join(command.sentence for command in typed),
        fix,
        tuple(faults),
    )


def is_note(path: Path) -> bool:
    """Tell whether pip needs the file `path` to take its package away."""
    return path.name in NOTES and path.parent.suffix == ".dist-info"


def list_reinstalls(
    full_name: str, requirements: Iterable[str], lost: Collection[str] = ()
) -> Iterator[RunCommand]:
    """Yield the commands that install `requirements` again: conda's, which have one =, and pip's.

    pip takes away what it installs again, which it cannot do with those that have `lost` their notes.
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
    """Yield one finding when the image of a packed environment is gone or cut off."""
    from stackenv.environments.packed import IMAGE

    record = environment.record
    assert record is not None and record.packed is not None
    image = environment.prefix / IMAGE
    size = image.stat().st_size if image.is_file() else None
    if size == record.packed.size_bytes:
        return
    yield Finding(
        "missing-files",
        "broken",
        "the image that it is packed into is gone"
        if size is None
        else f"its image has {size} bytes instead of {record.packed.size_bytes}",
        str(image),
        "no file of the environment can be read",
        f"bring the image back from a backup, or: stackenv rebuild {environment.full_name}",
    )
