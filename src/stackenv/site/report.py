"""Whose personal modules depend on a module that is to be removed."""

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
        How many folders of modules, and how many personal modules, were looked at.
    unread
        What could not be read, and why.
    unknown
        The variables in the path of users' folders that only the users know: theirs were not looked at.
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
    """Return which personal modules depend on modules that match `patterns`.

    Looked at are the folders of modules of each user that this system knows, and those at `roots`; how far
    that is shows on a terminal.

    Raises
    ------
    StackenvError
        When there is nowhere to look.
    """
    template = load_configuration(find_configuration_file(os.environ)).personal.modules
    require_places(template, roots)
    survey = Survey(patterns)
    places = (*list_user_folders(template), *list_root_folders(template, roots, survey))
    folders = tuple(dict.fromkeys(places))
    with showing_progress("folders of modules", len(folders)) as advance:
        for folder in folders:
            survey.look_into(folder)
            advance(1)
    found = sorted(survey.found, key=lambda module: (module.owner, module.module, module.modulefile))
    unknown = tuple(list_unknown(template))
    return Report(patterns, tuple(found), len(folders), survey.looked_at, survey.unread, unknown)


def list_unknown(template: PathTemplate) -> list[str]:
    """Return the variables of `template` that are only known to the user."""
    names = [part.name for part in template.parts if isinstance(part, Variable)]
    return [name for name in names if name not in KNOWN_VARIABLES]


def require_places(template: PathTemplate, roots: tuple[Path, ...]) -> None:
    """Raise StackenvError when there is nowhere to look."""
    unknown = list_unknown(template)
    if unknown and not roots:
        raise StackenvError(
            f"the modules folders of users are {template.text} (personal.modules in the site "
            f"configuration), and the value of {', '.join(unknown)} for other users is not known: nothing "
            "was searched",
            "give the folder that contains them: --root FOLDER",
        )


def list_user_folders(template: PathTemplate) -> Iterator[Path]:
    """Yield the folder of modules of each user that this system knows, by the configuration's `template`."""
    if list_unknown(template):
        return
    for user in pwd.getpwall():
        folder = template.expand({"HOME": user.pw_dir, "USER": user.pw_name, "LOGNAME": user.pw_name})
        if folder and folder.startswith("/") and user.pw_dir != "/":
            yield Path(folder)


def list_root_folders(template: PathTemplate, roots: Iterable[Path], survey: Survey) -> Iterator[Path]:
    """Yield what can be a folder of modules at `roots`.

    They themselves; in them, and in each folder in them, `modules` as of a project, and what `template`
    has below its variable.
    """
    parts = template.parts
    tails = ["modules"]
    if len(parts) > 1 and isinstance(parts[0], Variable):
        tails += ["".join(p.text for p in parts[1:] if isinstance(p, Literal)).strip("/")]
    for root in roots:
        # By links as the admin has typed them.
        real = Path(os.path.realpath(root))
        yield real
        for folder in (real, *(real / name for name in survey.list_names(real))):
            yield from (folder / tail for tail in dict.fromkeys(tails))
