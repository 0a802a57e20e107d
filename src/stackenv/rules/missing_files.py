"""Files of installed packages are missing or damaged: what a purge of old files leaves."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from packaging.utils import canonicalize_name

from stackenv.facts.checked_environment import CheckedEnvironment
from stackenv.facts.conda_environment import read_file_names
from stackenv.facts.own_packages import (
    describe_requirement,
    is_of_conda,
    list_metadata,
    read_origin,
    read_site_packages,
)
from stackenv.model.finding import Finding, RunCommand

# Written anew by Python, whatever was noted.
WRITTEN_ANEW = (".pyc", ".pyo")
NOTES = ("METADATA", "RECORD")


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
    for requirement, path, is_there in list_faults(environment):
        (changed if is_there else missing).setdefault(requirement, []).append(path)
    if missing:
        files = sum(map(len, missing.values()))
        what = f"files of installed packages that are missing: {files}"
        yield report(environment, missing, what, "broken")
    if changed:
        files = sum(map(len, changed.values()))
        what = f"files of installed packages that are not as they were installed: {files}"
        yield report(environment, changed, what, "warning")


def list_faults(environment: CheckedEnvironment) -> Iterator[tuple[str, Path, bool]]:
    """Yield what to install again, the file, and whether it is there, of each file that is not right."""
    by_conda = environment.record is not None and environment.record.kind == "conda"
    if by_conda:
        yield from list_conda_faults(environment.prefix, environment.thorough)
    else:
        yield from list_lost_notes(environment.prefix)
    for distribution in environment.distributions:
        if by_conda and (distribution.read_text("INSTALLER") or "").strip() == "conda":
            continue
        origin = read_origin(distribution.read_text("direct_url.json"))
        if origin.get("dir_info", {}).get("editable"):
            continue
        # Without one there is at most a list of what the sources had.
        if distribution.read_text("RECORD") is None:
            continue
        requirement = describe_requirement(distribution)
        for file in distribution.files or ():
            # virtualenv puts the folders of compiled files into RECORD, and does not make them.
            if file.suffix in WRITTEN_ANEW or file.name == "__pycache__":
                continue
            path = Path(os.path.normpath(str(distribution.locate_file(file))))
            # A RECORD can name any file: one outside is not the environment's, nor this command's to read.
            if not str(path).startswith(f"{environment.prefix}/"):
                continue
            expected = file.hash.value if file.hash and file.hash.mode == "sha256" else ""
            if not path.exists():
                yield requirement, path, False
            elif is_changed(path, file.size, expected if environment.thorough else ""):
                yield requirement, path, True


def list_lost_notes(prefix: Path) -> Iterator[tuple[str, Path, bool]]:
    """Yield the notes that installers write of each package, and that are gone, with the package.

    Without METADATA Python does not know the package, without RECORD pip cannot take it away (PEP 627).
    """
    for folder in list_metadata(prefix):
        name, _, version = folder.name[: -len(".dist-info")].partition("-")
        if folder.suffix == ".dist-info" and folder.is_dir() and version:
            for note in NOTES:
                # A full disk leaves files without contents.
                if not (folder / note).exists() or not (folder / note).stat().st_size:
                    yield f"{name.replace('_', '-')}=={version}", folder / note, False


def is_changed(path: Path, size: int | None, sha256: str) -> bool:
    """Tell whether the file `path` has another size, or other contents; what is not known is not compared."""
    if size is not None and path.stat().st_size != size:
        return True
    if not sha256:
        return False
    # RECORD has it in base64 without padding (PEP 376).
    return base64.urlsafe_b64encode(hash_file(path).digest()).rstrip(b"=").decode() != sha256


def list_conda_faults(prefix: Path, thorough: bool) -> Iterator[tuple[str, Path, bool]]:
    """Yield the files that conda has noted and that are gone or changed, with their package."""
    of_conda = read_file_names(prefix)
    others = (d for d in read_site_packages(prefix) if not is_of_conda(d, prefix, of_conda))
    of_others = {canonicalize_name(d.metadata["Name"]) for d in others}
    for note in sorted((prefix / "conda-meta").glob("*.json")):
        try:
            data = json.loads(note.read_text(encoding="utf-8"))
            requirement, files = f"{data['name']}={data['version']}", data.get("files") or ()
            noted = {entry["_path"]: entry for entry in (data.get("paths_data") or {}).get("paths") or ()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        replaced = canonicalize_name(str(data["name"])) in of_others
        for name in map(str, files):
            path = prefix / name
            if path.suffix in WRITTEN_ANEW or path.is_symlink():
                continue
            # pip has put its own in the place of conda's, and told conda nothing: that works.
            if replaced and ("/site-packages/" in name or name.startswith("bin/")):
                continue
            if not path.exists():
                yield requirement, path, False
            elif thorough and is_changed_for_conda(path, noted.get(name, {})):
                yield requirement, path, True


def is_changed_for_conda(path: Path, noted: Mapping[str, object]) -> bool:
    """Tell whether `path` is not as conda has `noted` it; what holds the prefix is another in each place."""
    expected = noted.get("sha256")
    if not expected or noted.get("prefix_placeholder") or not path.is_file():
        return False
    size = noted.get("size_in_bytes")
    return (size is not None and path.stat().st_size != size) or hash_file(path).hexdigest() != expected


def hash_file(path: Path) -> hashlib._Hash:
    """Return the SHA-256 of the file `path`."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest


def report(environment: CheckedEnvironment, faults: dict[str, list[Path]], what: str, level: str) -> Finding:
    """Return the finding of `faults`: files by what has to be installed again."""
    names = [f"{requirement} ({len(paths)})" for requirement, paths in faults.items()]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    lost = [r for r, paths in faults.items() if any(is_note(path) for path in paths)]
    cure = tuple(list_reinstalls(environment.full_name, faults, lost))
    return Finding(
        "missing-files",
        "broken" if level == "broken" else "warning",
        f"{what}; {shown}",
        str(next(iter(faults.values()))[0]),
        "an import fails, or does something else than it should; a file system that is purged of old files "
        "does that",
        "; ".join(command.sentence for command in cure),
        cure,
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
    from stackenv.describe.packed import IMAGE

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
