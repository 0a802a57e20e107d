"""Find the personal modules of all users that depend on a module, from first lines and records alone."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stackenv import STACKENV_UUID
from stackenv.environments.store import ModuleStore, StoredModule
from stackenv.record import RECORD_VERSION
from stackenv.site.untrusted_files import UntrustedFile, list_untrusted, make_printable, read_untrusted
from stackenv.transactions.writers import name_user

# Enough for the two lines that point to the record; a path has at most 4096 bytes (PATH_MAX).
BEGINNING_BYTES = 16384
LONGEST_TEXT = 4096
MOST_MODULES = 1000
LONGEST_NUMBER = 20
ABSENT = (FileNotFoundError, NotADirectoryError)


@dataclass(frozen=True)
class Needs:
    """The modules in a record: those that the user asked for, and those that were loaded with them."""

    asked_for: tuple[str, ...]
    indirect: tuple[str, ...]


@dataclass(frozen=True)
class DependentModule:
    """A personal module that depends on one of the modules in question; all fields are safe to print on a
    terminal.

    Parameters
    ----------
    owner
        The name of the modulefile's owner; the user ID if it has no name.
    module, modulefile, environment
        Its full name, its file, and the folder of its environment.
    depends_on, indirect
        The modules that match: those that the environment is based on, and those that were loaded with them.
    written_s
        When the record was last written.
    """

    owner: str
    module: str
    modulefile: str
    environment: str
    depends_on: tuple[str, ...]
    indirect: tuple[str, ...]
    written_s: float


@dataclass
class Survey:
    """What was found about the modules that match `patterns`.

    `unread` are the paths that could not be read, with the reasons; `seen` are the modulefiles, by device and
    inode.
    """

    patterns: Sequence[str]
    found: list[DependentModule] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    looked_at: int = 0
    seen: set[tuple[int, int]] = field(default_factory=set)

    def look_into(self, root: Path) -> None:
        """Examine the personal modules in the folder `root`."""
        for name in self.list_names(root):
            for file in self.list_names(root / name):
                if file.endswith(".lua"):
                    self.look_at(root / name / file)

    def list_names(self, folder: Path) -> list[str]:
        """Return the names in `folder`; none if there is no such folder, or it cannot be read."""
        try:
            return list_untrusted(folder)
        except ABSENT:
            return []
        except OSError as error:
            self.miss(folder, error.strerror or str(error))
            return []

    def look_at(self, path: Path) -> None:
        """Add the module of the modulefile `path` if a module in its record matches."""
        try:
            modulefile = read_untrusted(path, BEGINNING_BYTES)
            module = ModuleStore.parse(path, modulefile.text)
            # Several paths may lead to the same folder: /home is a link at some sites.
            if module is None or modulefile.identity in self.seen:
                return
            self.seen.add(modulefile.identity)
            self.looked_at += 1
            path = module.record_path
            record = read_untrusted(path)
            self.note(module, modulefile, record, read_needs(record.text))
        except OSError as error:
            self.miss(path, error.strerror or str(error))
        except (ValueError, RecursionError):
            self.miss(path, "not a valid record")

    def note(self, module: StoredModule, file: UntrustedFile, record: UntrustedFile, needs: Needs) -> None:
        """Add `module` if one of its `needs` matches."""
        depends_on = tuple(make_printable(name) for name in needs.asked_for if self.matches(name))
        indirect = tuple(make_printable(name) for name in needs.indirect if self.matches(name))
        if depends_on or indirect:
            shown = (module.full_name, str(module.path), module.prefix)
            full_name, path, prefix = map(make_printable, shown)
            owner = make_printable(name_user(file.owner))
            self.found.append(
                DependentModule(owner, full_name, path, prefix, depends_on, indirect, record.written_s)
            )

    def matches(self, full_name: str) -> bool:
        """Return whether one of the patterns matches `full_name`; NAME matches every version."""
        return any(
            fnmatch.fnmatchcase(full_name, pattern) or fnmatch.fnmatchcase(full_name, f"{pattern}/*")
            for pattern in self.patterns
        )

    def miss(self, path: Path, why: str) -> None:
        """Note that `path` could not be read."""
        self.unread[make_printable(str(path))] = make_printable(why)


def read_needs(text: str) -> Needs:
    """Return the modules in the record `text`, which anyone may have written.

    Raises
    ------
    ValueError
        If it is not a record of the version that this stackenv reads, or if its modules are not names.
    """
    data = json.loads(text, parse_int=read_number)
    if not isinstance(data, dict) or data.get("stackenv") != STACKENV_UUID:
        raise ValueError("not written by stackenv")
    if data.get("record_version") != RECORD_VERSION:
        raise ValueError("another version")
    asked_for, stack, python = data.get("modules"), data.get("stack"), data.get("python")
    module = python.get("module", "") if isinstance(python, dict) else ""
    asked_for, stack = check_names(asked_for), check_names(stack)
    of_python = check_names([module] if module else [])
    indirect = (name for name in (*stack, *of_python) if name not in asked_for)
    return Needs(tuple(dict.fromkeys(asked_for)), tuple(dict.fromkeys(indirect)))


def check_names(names: Any) -> tuple[str, ...]:
    """Return `names`, a list of texts; raise ValueError if there are too many or one is too long."""
    if not isinstance(names, list) or len(names) > MOST_MODULES:
        raise ValueError("not a list of modules")
    if not all(isinstance(name, str) and len(name) <= LONGEST_TEXT for name in names):
        raise ValueError("not names of modules")
    return tuple(names)


def read_number(digits: str) -> int:
    """Return the number; converting millions of digits would take minutes (Python 3.9)."""
    if len(digits) > LONGEST_NUMBER:
        raise ValueError("not a number in a record")
    return int(digits)
