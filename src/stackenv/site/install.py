"""The module of a conda installation that EasyBuild has not made: by hand, by Spack, by Ansible.

Does what the hooks do, and takes out again what it has written.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stackenv import STACKENV_UUID
from stackenv.conda.condarc_validation import validate_condarc
from stackenv.conda.install import install_files, is_foreign, is_our_mark, opened_for_writing
from stackenv.conda.installation import CondaInstallation, check_root, probe_installation
from stackenv.conda.load_test import run_load_test
from stackenv.conda.module import LIBEXEC, describe_conda_module, describe_installed_files
from stackenv.configuration.loader import load_configuration
from stackenv.configuration.schema import CONDA_DISTRIBUTIONS
from stackenv.configuration.settings import SiteConfiguration
from stackenv.configuration.site_file import find_configuration_file
from stackenv.errors import BusyError, StackenvError, TakenError, UsageError, explain, quote_word
from stackenv.modulefile.lua_string import quote_lua
from stackenv.modulefile.text import render_module
from stackenv.output import tell
from stackenv.site.base import compile_answers, describe_foreign, empty_cache, set_frozen
from stackenv.transactions.files import write_file
from stackenv.transactions.interruption import ignoring_stopping, stopping_at_signals

# The first line of a modulefile that is ours alone, without EasyBuild's part.
WRITTEN = f"-- {STACKENV_UUID} written by `stackenv site install`"
BY_HOOKS = (
    "EasyBuild wrote it, with stackenv's hooks; to renew it: eb --hooks=$(stackenv site hooks) --module-only "
    "--force EASYCONFIG"
)
LOCK = ".stackenv-install.lock"
# What there is no lock for: a file system without them, such as Lustre that is mounted so.
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)


@dataclass(frozen=True)
class SiteModule:
    """A conda installation, and the modulefile that is to lead to it."""

    installation: CondaInstallation
    modulefile: Path
    configuration: SiteConfiguration

    @property
    def steps(self) -> tuple[str, ...]:
        """What an install does, as sentences."""
        root, conda = self.installation.root, self.configuration.conda
        files = describe_installed_files(self.installation, conda)
        outside = [os.path.relpath(file.path, root) for file in files if LIBEXEC not in file.path]
        shells = ", ".join(conda.load_test.shells)
        steps = [
            f"write into {root}: the folder {LIBEXEC}, {', '.join(outside)}",
            "mark base as frozen, where conda knows that (25.5 and later)" if conda.freeze_base else "",
            f"load {self.installation.module} in those shells that are here: {shells}",
            f"write the modulefile {self.modulefile}",
            f"empty the package cache {root}/pkgs" if conda.empty_package_cache else "",
        ]
        return tuple(filter(None, steps))

    def render(self) -> str:
        """Return the text of the modulefile."""
        conda, name = self.configuration.conda, self.installation.name
        ours = render_module(describe_conda_module(self.installation, conda), conda.templates)
        about = (
            f"Name: {name}",
            f"Version: {self.modulefile.stem}",
            "Description: conda, without conda init",
        )
        lines = "".join(f"whatis({quote_lua(line)})\n" for line in about)
        return f"{WRITTEN}\n{lines}\n{ours}"


def plan_module(name: str, version: str, root: str, modulefile: Path, file: Path | None) -> SiteModule:
    """Return the module that is asked for; `file` is the site configuration, without it the one in use.

    Raises
    ------
    UsageError
        When the name is of no software that is known, or not what Lmod calls the modulefile.
    InstallationError
        When there is no conda installation at `root`.
    TakenError
        When there is a modulefile that `stackenv site install` has not written.
    """
    if name not in CONDA_DISTRIBUTIONS:
        raise UsageError(
            f"{name} is no software that stackenv knows", f"--name is one of {', '.join(CONDA_DISTRIBUTIONS)}"
        )
    modulefile = modulefile.absolute()
    if (modulefile.parent.name, modulefile.name) != (name, f"{version}.lua"):
        place = modulefile.parent if modulefile.parent.name == name else modulefile.parent / name
        raise UsageError(
            f"Lmod would not call the module of {modulefile} {name}/{version}",
            f"--modulefile {quote_word(place / f'{version}.lua')}",
        )
    configuration = load_configuration(file or find_configuration_file(os.environ))
    installation = probe_installation(name, f"{name}/{version}", root)
    require_own(modulefile)
    return SiteModule(installation, modulefile, configuration)


def require_own(modulefile: Path) -> None:
    """Raise TakenError when there is something at `modulefile` that `stackenv site install` did not write."""
    if not os.path.lexists(modulefile):
        return
    text = modulefile.read_text(encoding="utf-8", errors="replace") if modulefile.is_file() else ""
    if modulefile.is_symlink() or not text.startswith(WRITTEN):
        by_hooks = STACKENV_UUID in text
        raise TakenError(
            f"{modulefile} is not one that `stackenv site install` has written: it is left alone",
            BY_HOOKS if by_hooks else f"mv {quote_word(modulefile)} {quote_word(f'{modulefile}.old')}",
        )


def install(module: SiteModule) -> str:
    """Write the files, and then the modulefile, once it loads; return what is said of the load test.

    When it fails, also by a signal, all is as it was.

    Raises
    ------
    BusyError
        When another one is at work on this installation.
    VerificationError
        When the modulefile does not load in a shell.
    StackenvError
        When something cannot be written, or would be written over.
    """
    installation, conda = module.installation, module.configuration.conda
    for warning in validate_condarc(installation, module.configuration, os.environ):
        tell(f"warning: {warning}")
    require_writable(module)
    text = module.render()
    # By a signal the steps are left from the innermost on, each with what it puts back.
    with stopping_at_signals(), opened_for_writing(installation), locked(installation):
        with kept(module):
            for path in install_files(describe_installed_files(installation, conda), conda.templates):
                tell(f"warning: {describe_foreign(path)}")
            for settle in (set_frozen, compile_answers):
                tell_done(settle(installation, conda))
            tested = run_load_test(text, installation, conda.load_test)
            for warning in tested.warnings:
                tell(f"warning: {warning}")
            # Users have to read it, whatever the umask was when it was first written.
            write_file(module.modulefile, text, by_umask=True)
        tell_done(empty_cache(installation, conda))
    return str(tested)


def tell_done(sentence: str) -> None:
    """Tell what was done, if anything."""
    if sentence:
        tell(sentence)


def require_writable(module: SiteModule) -> None:
    """Raise StackenvError when prefix or modulefile cannot be written, before anything is.

    One that its owner has no permission to write can be written: permissions are given, and taken back.
    """
    root, folder = Path(module.installation.root), module.modulefile.parent
    above = next(path for path in (folder, *folder.parents) if path.exists())
    lacking = (
        [root] if not is_changeable(root) else [above] if not os.access(above, os.W_OK | os.X_OK) else []
    )
    for path in lacking:
        raise StackenvError(
            f"{path} cannot be written; nothing was changed",
            f"ls -ld {path}; df {path}; type it as its owner",
        )


def is_changeable(folder: Path) -> bool:
    """Tell whether this user can write `folder`, if need be after a change of its mode."""
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        return False
    return os.access(folder, os.W_OK) or folder.stat().st_uid == os.geteuid()


@contextlib.contextmanager
def locked(installation: CondaInstallation) -> Iterator[None]:
    """Keep others from installing into the same installation within the block.

    Raises
    ------
    BusyError
        When somebody does already.
    """
    path = Path(installation.root, LOCK)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(
                f"another `stackenv site install` or `uninstall` is at work on {installation.root}; nothing "
                "was changed",
                "wait until it is done, and type the same again",
            ) from error
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
        try:
            yield
        finally:
            # While it is held: nobody else has it, for nobody waits.
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def kept(module: SiteModule) -> Iterator[None]:
    """When the block fails, also by a signal, put back what was in the places of stackenv's files."""
    root = Path(module.installation.root)
    places = list_places(module.installation, module.configuration)
    with tempfile.TemporaryDirectory(prefix="stackenv-install-") as folder:
        for number, place in enumerate(places):
            copy(place, Path(folder, str(number)))
        was_there = [folder for folder in (root / "libexec", root / "condarc.d") if folder.is_dir()]
        try:
            yield
        except BaseException:
            with ignoring_stopping():
                for number, place in enumerate(places):
                    remove(place)
                    copy(Path(folder, str(number)), place)
                remove_empty(root, was_there)
            raise


def list_places(installation: CondaInstallation, configuration: SiteConfiguration) -> list[Path]:
    """Return where stackenv writes into an installation: its folder, and files of its own outside."""
    root = Path(installation.root)
    files = describe_installed_files(installation, configuration.conda)
    beside = [Path(file.path) for file in files if LIBEXEC not in file.path]
    return [root / LIBEXEC, *(path for path in beside if not is_foreign(path)), root / "conda-meta/frozen"]


def copy(source: Path, target: Path) -> None:
    """Copy the file or folder `source`, if it is there, to `target`."""
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    elif source.is_file():
        shutil.copy2(source, target)


def remove(place: Path) -> None:
    """Remove the file or folder `place`, if it is there."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def remove_empty(root: Path, kept_folders: list[Path]) -> None:
    """Remove the folders that stackenv has made in `root`, where nothing is left in them."""
    for folder in (root / "libexec", root / "condarc.d"):
        if folder not in kept_folders and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


@dataclass(frozen=True)
class Uninstallation:
    """What an uninstall takes away: the modulefile, and stackenv's files in the installation."""

    installation: CondaInstallation
    modulefile: Path
    places: tuple[Path, ...]

    @property
    def steps(self) -> tuple[str, ...]:
        """What it does, as sentences."""
        paths = (*([self.modulefile] if self.modulefile.exists() else []), *self.places)
        return tuple(f"remove {path}" for path in paths)

    def carry_out(self) -> None:
        """Remove the modulefile first, so that nobody loads it any more, and then the rest.

        Raises
        ------
        BusyError
            When another one is at work on this installation.
        """
        root = Path(self.installation.root)
        with opened_for_writing(self.installation), locked(self.installation):
            self.modulefile.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                # A folder of modules without any is none that anybody looks for.
                self.modulefile.parent.rmdir()
            for place in self.places:
                remove(place)
            remove_empty(root, [])


def plan_uninstallation(root: str, modulefile: Path, file: Path | None) -> Uninstallation:
    """Return what is taken away from the installation at `root`, and its modulefile.

    Raises
    ------
    TakenError
        When the modulefile is not one that `stackenv site install` has written.
    StackenvError
        When it leads to another installation, or nothing of stackenv's is there.
    """
    root, modulefile = check_root(root), modulefile.absolute()
    require_own(modulefile)
    name = f"{modulefile.parent.name}/{modulefile.stem}"
    installation = CondaInstallation(modulefile.parent.name, name, root)
    if modulefile.exists():
        require_leads_to(modulefile, root)
    configuration = load_configuration(file or find_configuration_file(os.environ))
    places = [place for place in list_places(installation, configuration) if is_ours(place)]
    if not places and not modulefile.exists():
        raise StackenvError(f"nothing of stackenv is in {root}, and {modulefile} is not there")
    return Uninstallation(installation, modulefile, tuple(places))


def require_leads_to(modulefile: Path, root: str) -> None:
    """Raise StackenvError when `modulefile` is the module of another installation than that at `root`."""
    try:
        text = modulefile.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise StackenvError(f"{modulefile} cannot be read: {explain(error)}") from error
    if f"local root = {quote_lua(root)}" not in text:
        raise StackenvError(
            f"{modulefile} leads to another installation than {root}; nothing was changed",
            f"grep 'local root' {quote_word(modulefile)}",
        )


def is_ours(place: Path) -> bool:
    """Tell whether `place` is there and stackenv's."""
    if place.name == "frozen":
        return is_our_mark(place)
    return place.exists()
