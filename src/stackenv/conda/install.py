"""The steps after the vendor's installer: install our files, empty the package cache, freeze the base."""

from __future__ import annotations

import contextlib
import json
import shutil
import stat
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from packaging.version import InvalidVersion, Version

from stackenv import STACKENV_UUID
from stackenv.conda.installation import CondaInstallation
from stackenv.errors import InstallationError, StackenvError, explain
from stackenv.modulefile import InstalledFile
from stackenv.modulefile.text import render_installed_file
from stackenv.plain_files import read_file_text
from stackenv.transactions.files import write_file

FROZEN_SINCE = Version("25.5")
FROZEN_MESSAGE = "This is the site's installation; make an environment of your own: conda create --name NAME"


# A file in the root that records the original modes of folders while they are writable, so that the next run
# can restore the modes if this one is killed.
MODES = ".stackenv-modes"


@contextlib.contextmanager
def opened_for_writing(root: Path) -> Iterator[None]:
    """Make the folders of `root` that stackenv writes to writable for their owner, then restore their modes.

    EasyBuild's --read-only-installdir removes the permission at the end of a build, and `--module-only` does
    not restore it.
    """
    ours = [path for path in (root / "libexec/stackenv").rglob("*") if path.is_dir()]
    folders = [root, root / "condarc.d", root / "conda-meta", root / "pkgs", root / "libexec"]
    folders += [root / "libexec/stackenv", *ours]
    modes = {folder: stat.S_IMODE(folder.stat().st_mode) for folder in folders if folder.is_dir()}
    closed = {folder: mode for folder, mode in modes.items() if not mode & stat.S_IWUSR}
    before = closed | read_modes(root, modes)
    try:
        if closed:
            root.chmod(modes[root] | stat.S_IWUSR)
            noted = {str(folder.relative_to(root)): mode for folder, mode in before.items()}
            write_file(root / MODES, json.dumps(noted) + "\n", by_umask=True)
        for folder, mode in closed.items():
            folder.chmod(mode | stat.S_IWUSR)
        yield
    except PermissionError as error:
        raise StackenvError(
            f"{root} cannot be written: {explain(error)}", "run this as the owner of the installation"
        ) from error
    finally:
        put_modes_back(root, before)


def read_modes(root: Path, known: Collection[Path]) -> dict[Path, int]:
    """Return the modes that folders in `known` had before a run made them writable and was killed."""
    try:
        noted = json.loads(read_file_text(root / MODES))
        modes = {root / name: int(mode) & 0o7777 for name, mode in noted.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
    return {folder: mode for folder, mode in modes.items() if folder in known}


def put_modes_back(root: Path, modes: Mapping[Path, int]) -> None:
    """Restore the `modes` of the folders, the root last, because the record of the modes is in it."""
    changed = [f for f, mode in modes.items() if f.is_dir() and stat.S_IMODE(f.stat().st_mode) != mode]
    for folder in changed:
        if folder != root:
            folder.chmod(modes[folder])
    (root / MODES).unlink(missing_ok=True)
    if root in changed:
        root.chmod(modes[root])


def install_files(files: Sequence[InstalledFile], site_templates: Path | None) -> tuple[str, ...]:
    """Write `files` atomically; return the paths of those that yield to a file that stackenv did not write.

    For files that do not yield, such a file is an error.

    Raises
    ------
    StackenvError
        If a file cannot be written, or a file that stackenv did not write would be overwritten.
    """
    foreign = [file for file in files if is_foreign(Path(file.path))]
    for file in foreign:
        if not file.yields:
            raise StackenvError(
                f"{file.path} exists and was not written by stackenv, so it was not changed",
                "move it away, or move its contents into conda.condarc of the site configuration",
            )
    for file in files:
        if file not in foreign:
            text = render_installed_file(file, site_templates)
            # Installing again with the right umask corrects the modes that an earlier run left.
            write_file(Path(file.path), text, file.executable, by_umask=True)
    return tuple(file.path for file in foreign)


def is_foreign(path: Path) -> bool:
    """Return whether `path`, outside stackenv's own folder, exists and stackenv did not write it."""
    return path.exists() and STACKENV_UUID not in read_file_text(path, errors="replace")


def find_conda_version(installation: CondaInstallation, timeout_s: int) -> Version:
    """Return the version of the installation's conda, from its record or else from conda itself.

    A vendor's installer leaves a record, conda-meta/conda-VERSION-BUILD.json; asking conda costs a process.

    Raises
    ------
    InstallationError
        If conda does not start, does not end in time or prints no version; with conda's own message.
    """
    root = installation.root
    for record in sorted(Path(root, "conda-meta").glob("conda-[0-9]*.json")):
        with contextlib.suppress(InvalidVersion):
            return Version(record.name.split("-")[1])
    command = [f"{root}/bin/python", "-I", f"{root}/bin/conda", "--version"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallationError(
            f"{root}/bin/conda did not answer: {explain(error)}", " ".join(command)
        ) from error
    try:
        return Version(done.stdout.split()[-1])
    except (IndexError, InvalidVersion):
        words = (done.stderr or done.stdout).strip() or f"exit status {done.returncode}"
        raise InstallationError(f"{root}/bin/conda printed no version: {words}", " ".join(command)) from None


def freeze_base(installation: CondaInstallation, version: Version) -> bool:
    """Mark the base as frozen; return whether this conda knows the mark (25.5 and later, CEP 22).

    A mark that someone else has set stays as it is.
    """
    mark = Path(installation.root, "conda-meta", "frozen")
    if version < FROZEN_SINCE:
        return False
    if not mark.exists() or is_our_mark(mark):
        write_file(mark, json.dumps({"message": FROZEN_MESSAGE}) + "\n")
    return True


def unfreeze_base(installation: CondaInstallation) -> bool:
    """Remove our own mark of a frozen base; return whether it was there."""
    mark = Path(installation.root, "conda-meta", "frozen")
    was_frozen = is_our_mark(mark)
    if was_frozen:
        mark.unlink()
    return was_frozen


def is_our_mark(mark: Path) -> bool:
    """Return whether `mark` exists and has the contents that stackenv writes."""
    return mark.is_file() and FROZEN_MESSAGE in read_file_text(mark, errors="replace")


def empty_package_cache(installation: CondaInstallation) -> int:
    """Empty the installer's package cache, ROOT/pkgs; return how many entries were removed.

    The base does not need them: its files are hard links or copies. An empty urls.txt stays, because conda
    recognises a package cache by it and EasyBuild's sanity check requires that `pkgs` is not empty. If `pkgs`
    is a link, it leads elsewhere and is left alone.

    Raises
    ------
    StackenvError
        If an entry cannot be removed.
    """
    cache = Path(installation.root, "pkgs")
    if cache.is_symlink() or not cache.is_dir():
        return 0
    mark = cache / "urls.txt"
    entries = [entry for entry in sorted(cache.iterdir()) if entry != mark]
    try:
        for entry in entries:
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
    except OSError as error:
        raise StackenvError(
            f"the installer's package cache could not be emptied: {explain(error)}",
            "set conda.empty_package_cache: false in the site configuration to keep it",
        ) from error
    write_file(mark, "")
    return len(entries)
