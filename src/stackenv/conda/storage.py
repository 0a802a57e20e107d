"""Where conda puts environments and packages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stackenv.account.storage_places import expand, find_absolute, find_home, read_condarc_folders
from stackenv.configuration.settings import SiteConfiguration


@dataclass(frozen=True)
class CondaStorage:
    """A folder for environments, one for packages."""

    environments: Path
    packages: Path


def list_site_storage(environ: Mapping[str, str], configuration: SiteConfiguration) -> Iterator[CondaStorage]:
    """Yield the configured places that can be used now; the first is what the site's module takes."""
    for place in configuration.conda.storage:
        parent = place.parent.expand(environ)
        if parent and parent.startswith("/") and Path(parent).is_dir():
            yield CondaStorage(Path(parent, place.environments), Path(parent, place.packages))


def list_chosen(
    what: str, environ: Mapping[str, str], configuration: SiteConfiguration
) -> Iterator[tuple[Path, str]]:
    """Yield the folders in which conda looks for a place for `what` (envs, pkgs), and what names each.

    As it is with the site's module loaded, which sets the configuration's place where the user has none in a
    variable; conda puts what a variable says in front of its files.
    """
    variables = ("CONDA_ENVS_PATH", "CONDA_ENVS_DIRS") if what == "envs" else ("CONDA_PKGS_DIRS",)
    for variable in variables:
        for text in environ.get(variable, "").split(":" if what == "envs" else ","):
            path = find_absolute(expand(text.strip(), environ))
            if path:
                yield path, variable
    for place in list_site_storage(environ, configuration):
        yield (place.environments if what == "envs" else place.packages), "the site configuration"
        break
    for path in read_condarc_folders(what, environ, configuration):
        yield path, "your condarc"
    home = find_home(environ, f".conda/{what}")
    if home:
        yield home, "conda itself"


def find_device(path: Path) -> int:
    """Return the file system that `path` is on, or will be on when it is made.

    Raises
    ------
    OSError
        When nobody may look there.
    """
    while True:
        try:
            return path.stat().st_dev
        except (FileNotFoundError, NotADirectoryError):
            path = path.parent
