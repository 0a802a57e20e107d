"""The folder of modulefiles, NAME/VERSION.lua; files that stackenv did not write are left alone."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from stackenv import RECORD_FILE, STACKENV_UUID
from stackenv.errors import LostRecordError, StackenvError, TakenError, UsageError, quote_word, suggest
from stackenv.lmod.versions import order_version
from stackenv.plain_files import SpecialFileError, open_file, read_file_bytes, read_file_text

if TYPE_CHECKING:
    from stackenv.record import Record

# Patterns are compiled when they are used: few commands need them, and it takes as long as reading ten
# modulefiles.
NAME = r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}"
# The beginning of an argument that is a path, not a name.
PATH = r"[/~]|\.\.?(/|$)"
# Words with a special meaning to Lmod in the place of a version (Lmod documentation, "Module names").
RESERVED_VERSIONS = frozenset({"default", "latest"})
HEAD_BYTES = 8192
# The text before and after the environment's prefix, an absolute path, in a modulefile.
RECORD_LINE = ("-- record: ", f"/{RECORD_FILE}")
# Finds the modules on which a modulefile depends.
DEPENDS_ON = r'(?m)^ *depends_on\("([^"\\]+)"\)$'
# A folder with one of these is a venv, a conda environment, or the remains of one. No other environment can
# be created there, even without the files that allow it to be deleted or counted (TOOLS_MARKS).
ENVIRONMENT_MARKS = ("pyvenv.cfg", "conda-meta")
DEFAULT_MARK = rf'-- {STACKENV_UUID} stackenv default\nmodule_version\("[^"/]+/({NAME})", "default"\)\n'


def expand_home(text: str) -> Path:
    """Return the path `text` with ~ expanded; unchanged if there is no such user."""
    with contextlib.suppress(RuntimeError):
        return Path(text).expanduser()
    return Path(text)


def is_name(text: str) -> bool:
    """Return whether file systems, shells and Lmod all take `text` as one plain word."""
    return bool(re.fullmatch(NAME, text))


# The name of stackenv's own module, as easyconfigs/stackenv-*.eb and `stackenv site install` create it.
COMMAND_MODULE = "stackenv"


def can_be_named(text: str) -> bool:
    """Return whether commands accept `text` as the name or the version of a personal module."""
    return is_name(text) and text not in RESERVED_VERSIONS and not text.endswith(".lua")


def check_name(text: str, what: str = "name") -> str:
    """Return `text`, the name or version of a personal module.

    Raises
    ------
    UsageError
        If it cannot be used in a file name, in a shell, or by Lmod.
    """
    if can_be_named(text):
        return text
    raise UsageError(
        f"{text!r} is not a valid module {what}; nothing was changed",
        "use at most 100 letters, digits and . _ + -, beginning with a letter or a digit; not "
        "`default` or `latest`, and no .lua at the end",
    )


def parse_full_name(text: str) -> tuple[str, str]:
    """Return the name and the version in NAME or NAME/VERSION; the version is empty if it is missing."""
    name, slash, version = text.partition("/")
    return check_name(name), check_name(version, "version") if slash else ""


class StoredModule(NamedTuple):
    """A modulefile that stackenv wrote; `prefix` is its environment's folder."""

    name: str
    version: str
    path: Path
    prefix: str

    @property
    def full_name(self) -> str:
        return f"{self.name}/{self.version}"

    @property
    def record_path(self) -> Path:
        return Path(self.prefix, RECORD_FILE)

    @property
    def has_environment(self) -> bool:
        """Whether a venv or a conda environment exists at the prefix, with or without a record."""
        return any(Path(self.prefix, mark).exists() for mark in ENVIRONMENT_MARKS)

    @property
    def is_trusted(self) -> bool:
        """Whether only this user can have written the record: loading the modules in it runs their code."""
        try:
            status = self.record_path.lstat()
        except OSError:
            return False
        others = stat.S_IWGRP | stat.S_IWOTH
        return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & others

    def read_record(self, contents: bool = True) -> Record:
        """Return the record of the environment; `contents` is passed to `parse_record`.

        Raises
        ------
        LostRecordError
            If it is missing or damaged, but the environment exists.
        StackenvError
            If it cannot be read or used.
        """
        again = f"to restore it: stackenv edit {self.full_name} --refresh"
        try:
            text = read_file_bytes(self.record_path).decode("utf-8", "replace")
        except OSError as error:
            if isinstance(error, (FileNotFoundError, SpecialFileError)) and self.has_environment:
                lost = "is missing" if isinstance(error, FileNotFoundError) else f"is {error.strerror}"
                raise LostRecordError(
                    f"the record of {self.full_name}, {self.record_path}, {lost}", again
                ) from error
            raise StackenvError(
                f"{self.full_name}: {self.record_path}: {error.strerror}",
                f"if the environment was moved: stackenv adopt NEW_PATH {self.name}; if it is no longer "
                f"needed: stackenv remove {self.full_name}",
            ) from error
        from stackenv.record import parse_record

        try:
            return parse_record(text, str(self.record_path), contents)
        except LostRecordError as error:
            if self.has_environment:
                raise LostRecordError(error.message, again) from error
            raise StackenvError(error.message, error.hint) from error


def read_former_record(prefix: Path) -> Record | None:
    """Return the record in the environment at `prefix`, even if it has no module now; None without one.

    The record in a copy does not count while the original exists.
    """
    from stackenv.record import parse_record

    try:
        record = parse_record(read_file_text(prefix / RECORD_FILE), str(prefix / RECORD_FILE))
    except (OSError, ValueError, StackenvError):
        return None
    return record if not os.path.lexists(record.path) or prefix.samefile(record.path) else None


def list_modulefiles(folder: Path) -> list[Path]:
    """Return the files in `folder` that Lmod treats as Lua modulefiles; empty if it cannot be listed."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 (names alone)
    except OSError:
        return []
    return [folder / name for name in names if name.endswith(".lua") and name[0] != "."]


class ModuleStore:
    """The modulefiles below the folder `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path_of(self, name: str, version: str) -> Path:
        return self.root / name / f"{version}.lua"

    def read(self, path: Path) -> StoredModule | None:
        """Return the module of the file `path`; None if stackenv did not write it."""
        try:
            # The second line contains a path of at most 4096 bytes (limits.h): one buffer holds both lines.
            with open_file(path, buffering=HEAD_BYTES) as stream:
                head = stream.readline(HEAD_BYTES) + stream.readline(HEAD_BYTES)
            return self.parse(path, head.decode())
        except (OSError, ValueError):
            return None

    @staticmethod
    def parse(path: Path, text: str) -> StoredModule | None:
        """Return the module whose file, `path`, begins with `text`; None if stackenv did not write it."""
        first, second, *_ = (*text.split("\n", 2), "", "")
        begin, end = RECORD_LINE
        prefix = second[len(begin) : -len(end)]
        named = second == f"{begin}{prefix}{end}" and prefix.startswith("/")
        if not named or not first.startswith(f"-- {STACKENV_UUID} "):
            return None
        return StoredModule(path.parent.name, path.name[: -len(".lua")], path, prefix)

    def default_path(self, name: str) -> Path:
        """Return the file that sets the version that `module load NAME` loads."""
        return self.root / name / ".modulerc.lua"

    def read_default(self, name: str) -> str:
        """Return the version of `name` that stackenv made the default; empty if it made none."""
        try:
            found = re.fullmatch(DEFAULT_MARK, read_file_text(self.default_path(name)))
        except (OSError, ValueError):
            return ""
        return found.group(1) if found else ""

    def require_own_default(self, name: str) -> None:
        """Raise TakenError if a file or link that stackenv did not write sets the default version."""
        path = self.default_path(name)
        if os.path.lexists(path) and not self.read_default(name):
            raise TakenError(
                f"{path} was not written by stackenv; nothing was changed",
                f'set the default in that file: module_version("{name}/VERSION", "default")',
            )
        if os.path.lexists(path.with_name("default")):
            raise TakenError(
                f"{path.with_name('default')} already sets the default version and takes precedence",
                f"change it: ln -sfn VERSION.lua {path.with_name('default')}; or remove it first",
            )

    def list_modules(self, begin: str = "") -> Iterator[StoredModule]:
        """Yield the modules that stackenv wrote, sorted by name and version; none if there is no folder.

        Only modules whose names begin with `begin` are yielded.
        """
        try:
            with os.scandir(self.root) as entries:
                begun = [e for e in entries if e.name.startswith(begin) and not e.name.startswith(".")]
            names = sorted(entry.name for entry in begun if entry.is_dir())
        except (FileNotFoundError, NotADirectoryError):
            return
        for name in names:
            files = list_modulefiles(self.root / name)
            if len(files) > 1:
                files.sort(key=lambda path: order_version(path.stem))
            yield from filter(None, map(self.read, files))

    def find(self, text: str, default: bool = False) -> StoredModule:
        """Return the module NAME/VERSION, the only version of NAME, or the module of an environment's path.

        A module takes precedence over a folder of the same name. With `default`, NAME means its default
        version if it has several.

        Raises
        ------
        StackenvError
            If there is none, if there are several, or if stackenv did not write it.
        """
        path = expand_home(text)
        if not re.match(PATH, text):
            try:
                return self.find_by_name(text, default)
            except StackenvError:
                found = self.find_by_path(path) if text else None
                if not found:
                    raise
                return found
        found = self.find_by_path(path)
        if found:
            return found
        adopt = f"to create one: stackenv adopt {quote_word(path)}"
        raise StackenvError(
            f"no module in {self.root} belongs to {path}",
            adopt if path.is_dir() else "to list your modules: stackenv list",
        )

    def find_by_path(self, path: Path) -> StoredModule | None:
        """Return the module of the environment in the folder `path`; None without one."""
        real = os.path.realpath(path)
        return next((m for m in self.list_modules() if os.path.realpath(m.prefix) == real), None)

    def find_by_name(self, text: str, default: bool) -> StoredModule:
        """Return the module with the name `text`, as `find` does."""
        name, version = parse_full_name(text)
        if default and not version:
            marked = self.read_default(name)
            version = marked if marked and self.path_of(name, marked).exists() else ""
        found = [m for m in self.list_modules() if m.name == name and version in ("", m.version)]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(module.full_name for module in found)
            raise UsageError(f"{name} has several versions: {names}", "name one of them")
        if version and self.path_of(name, version).exists():
            raise TakenError(f"{self.path_of(name, version)} was not written by stackenv and is left alone")
        known = {name for m in self.list_modules() for name in (m.full_name, m.name)}
        hint = "; ".join([*suggest(text, known), "to list your modules: stackenv list"])
        raise StackenvError(f"there is no module {text} in {self.root}", hint)

    def require_free(self, name: str, version: str) -> str:
        """Return the full name of a new module.

        Raises
        ------
        UsageError
            If the name or the version is not valid.
        TakenError
            If its file exists, whether stackenv wrote it or not.
        """
        if name == COMMAND_MODULE:
            raise UsageError(
                f"{name} is the name of stackenv's own module, which Lmod would then no longer find; "
                "nothing was changed",
                "choose another name",
            )
        path = self.path_of(check_name(name), check_name(version, "version"))
        if not path.exists() and not path.is_symlink():
            return f"{name}/{version}"
        module = self.read(path)
        if module:
            raise TakenError(
                f"the module {name}/{version} already exists, for the environment {module.prefix}",
                f"choose another name, or another version: --version {next_version(version)}; or first "
                f"run: stackenv remove {name}/{version}",
            )
        raise TakenError(
            f"{path} exists and was not written by stackenv; nothing was changed",
            "choose another name, or another --version",
        )

    def check_writable(self) -> None:
        """Raise StackenvError if modulefiles cannot be written here; create nothing."""
        folder = self.root
        while not folder.exists() and folder != folder.parent:
            if folder.is_symlink():
                raise StackenvError(f"{folder} is a broken link", f"ls -l {quote_word(folder)}")
            folder = folder.parent
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK) or is_read_only(folder):
            raise StackenvError(
                f"the folder of modules, {self.root}, is not writable: {folder}; nothing was changed",
                f"ls -ld {quote_word(folder)}; or ask your site to choose another folder in the site "
                "configuration (personal.modules)",
            )


def is_read_only(folder: Path) -> bool:
    """Return whether even root cannot write `folder`, because its file system is read-only."""
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY) or not stat.S_ISDIR(folder.stat().st_mode)


def next_version(version: str) -> str:
    """Return a version to suggest as the one after `version`."""
    digits = re.fullmatch(r"(\d+)(\..*)?", version)
    return f"{int(digits.group(1)) + 1}.0" if digits else f"{version}-2"
