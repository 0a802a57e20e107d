"""A user's account, as the health checks see it: home, environment variables, start-up files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from stackenv.account.start_files import StartFile, list_start_files
from stackenv.conda.storage import list_condarc_files
from stackenv.configuration.settings import SiteConfiguration
from stackenv.plain_files import read_file_text


@dataclass(frozen=True)
class Account:
    """What the checks of the account read; they change nothing here.

    Parameters
    ----------
    home
        The home folder.
    environ
        The environment variables of the caller.
    configuration
        The site configuration.
    folder
        The working directory of the command; None if it is gone or does not matter.
    """

    home: Path
    environ: Mapping[str, str]
    configuration: SiteConfiguration
    folder: Path | None = None

    @cached_property
    def start_files(self) -> tuple[StartFile, ...]:
        """The start-up files of the user's shells."""
        return tuple(list_start_files(self.home, self.environ))

    def condarc_files(self) -> Iterator[Path]:
        """Yield the user's existing conda configuration files, in conda's order."""
        return list_condarc_files(self.environ)


def find_variable_places(name: str, account: Account) -> Iterator[str]:
    """Yield where the variable `name` is set: file and line, and loaded modules that mention it."""
    for file in account.start_files:
        for number, _, _ in file.list_assignments([name]):
            yield f"{file.path}:{number}"
    # Lmod's list of modulefile paths, in the order of LOADEDMODULES.
    modules = account.environ.get("LOADEDMODULES", "").split(":")
    for module, path in zip(modules, account.environ.get("_LMFILES_", "").split(":")):
        with contextlib.suppress(OSError):
            if module and name in read_file_text(path, errors="replace"):
                yield f"module {module}"
