"""Find out whose personal modules depend on a module before it is removed."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stackenv.configuration.loader import load_configuration
from stackenv.configuration.path_template import Literal, PathTemplate, Variable
from stackenv.configuration.site_file import find_configuration_file
from stackenv.errors import StackenvError
from stackenv.output import showing_progress
from stackenv.site.dependents import DependentModule, Survey

KNOWN_VARIABLES = ("HOME", "USER", "LOGNAME")


@dataclass(frozen=True)
class Report:
    """What was found about the modules that match `patterns`.

    Parameters
    ----------
    found
        The personal modules that depend on one of them.
    folders, looked_at
        How many modules folders, and how many personal modules, were examined.
    unread
        The paths that could not be read, and why.
    unknown
        Variables in the path of the users' folders whose values only the users know: their folders were not
        searched.
    """

    patterns: tuple[str, ...]
    found: tuple[DependentModule, ...]
    folders: int
    looked_at: int
    unread: dict[str, str]
    unknown: tuple[str, ...]

    @property
    def owners(self) -> list[str]:
        return sorted({module.owner for module in self.found})


def report_dependents(patterns: tuple[str, ...], roots: tuple[Path, ...]) -> Report:
    """Return the personal modules that depend on modules that match `patterns`.

    The modules folders of all users that this system knows are searched, and those at `roots`. A terminal
    shows the progress.

    Raises
    ------
    StackenvError
        If there is no folder to search.
    """
    template = load_configuration(find_configuration_file(os.environ)).personal.modules
    require_places(template, roots)
    survey = Survey(patterns)
    places = (*list_user_folders(template), *list_root_folders(template, roots, survey))
    folders = tuple(dict.fromkeys(places))
    with showing_progress("modules folders", len(folders)) as advance:
        for folder in folders:
            survey.look_into(folder)
            advance(1)
    found = sorted(survey.found, key=lambda module: (module.owner, module.module, module.modulefile))
    unknown = tuple(list_unknown(template))
    return Report(patterns, tuple(found), len(folders), survey.looked_at, survey.unread, unknown)


def list_unknown(template: PathTemplate) -> list[str]:
    """Return the variables of `template` whose values only the user knows."""
    names = [part.name for part in template.parts if isinstance(part, Variable)]
    return [name for name in names if name not in KNOWN_VARIABLES]


def require_places(template: PathTemplate, roots: tuple[Path, ...]) -> None:
    """Raise StackenvError if there is no folder to search."""
    unknown = list_unknown(template)
    if unknown and not roots:
        raise StackenvError(
            f"personal.modules in the site configuration is {template.text}, and the value of "
            f"{', '.join(unknown)} for other users is not known; nothing was searched",
            "give the folder that contains the users' modules folders: --root FOLDER",
        )


def list_user_folders(template: PathTemplate) -> Iterator[Path]:
    """Yield the modules folder of each user that this system knows, from the configuration's `template`."""
    if list_unknown(template):
        return
    for user in pwd.getpwall():
        folder = template.expand({"HOME": user.pw_dir, "USER": user.pw_name, "LOGNAME": user.pw_name})
        if folder and folder.startswith("/") and user.pw_dir != "/":
            yield Path(folder)


def list_root_folders(template: PathTemplate, roots: Iterable[Path], survey: Survey) -> Iterator[Path]:
    """Yield the possible modules folders at `roots`.

    These are the roots themselves, and in each root and each folder directly in it: `modules`, as in a
    project, and the part of `template` after its variable.
    """
    parts = template.parts
    tails = ["modules"]
    if len(parts) > 1 and isinstance(parts[0], Variable):
        tails += ["".join(p.text for p in parts[1:] if isinstance(p, Literal)).strip("/")]
    for root in roots:
        # The admin may have typed the path of a link.
        real = Path(os.path.realpath(root))
        yield real
        for folder in (real, *(real / name for name in survey.list_names(real))):
            yield from (folder / tail for tail in dict.fromkeys(tails))
