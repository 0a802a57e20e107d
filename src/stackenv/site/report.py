"""`stackenv site report`: whose personal modules depend on a module that is to be removed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stackenv.cli.options import EXIT_STATUS, json_option
from stackenv.configuration.loader import find_configuration_file, load_configuration
from stackenv.configuration.path_template import Literal, PathTemplate, Variable
from stackenv.errors import StackenvError, UsageError
from stackenv.output import format_count, print_json, print_line, print_table, showing_progress, tell

if TYPE_CHECKING:
    from stackenv.site.dependents import LeaningModule, Survey

KNOWN_VARIABLES = ("HOME", "USER", "LOGNAME")


@click.command(epilog=EXIT_STATUS)
@click.argument("modules", nargs=-1, required=True, metavar="MODULE...")
@click.option(
    "--root",
    "roots",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Look here too: a folder of modules, a project, or a folder of projects or homes.",
)
@click.option("--owners", is_flag=True, help="Print the users' names alone, each once.")
@json_option
def report(modules: tuple[str, ...], roots: tuple[Path, ...], owners: bool, as_json: bool) -> None:
    """Tell whose personal modules lean on a module, before it is removed.

    MODULE is NAME, NAME/VERSION, or a pattern: '*-2022b'. Looked at are the modules' folder of each user that
    getpwent(3) knows, by the site configuration, and those below --root; of each personal module its first
    two lines and its environment's record, nothing else. What may not be read is counted: root sees most.
    When a module was last used is not recorded; CHANGED is when the environment's record was last written.

    \b
    Example:
      stackenv site report SciPy-bundle/2022.05-foss-2022a
      stackenv site report '*-2022b' --root /projects --owners
    """
    from stackenv.site.dependents import Survey

    if owners and as_json:
        raise UsageError("--owners and --json are two forms of the same answer", "take one of them")
    template = load_configuration(find_configuration_file(os.environ)).personal.modules
    require_places(template, roots)
    survey = Survey(modules)
    places = (*list_user_folders(template), *list_root_folders(template, roots, survey))
    folders = tuple(dict.fromkeys(places))
    with showing_progress("folders of modules", len(folders)) as advance:
        for folder in folders:
            survey.look_into(folder)
            advance(1)
    survey.found.sort(key=lambda module: (module.owner, module.module, module.modulefile))
    if as_json:
        print_json(describe_survey(survey, len(folders)))
        return
    if owners:
        print_owners(survey.found)
    elif survey.found:
        print_table(("OWNER", "MODULE", "LEANS ON", "CHANGED", "ENVIRONMENT"), map_rows(survey.found))
    tell_counts(survey, len(folders), template)


def list_unknown(template: PathTemplate) -> list[str]:
    """Return the variables of `template` that are only known to the user."""
    names = [part.name for part in template.parts if isinstance(part, Variable)]
    return [name for name in names if name not in KNOWN_VARIABLES]


def require_places(template: PathTemplate, roots: tuple[Path, ...]) -> None:
    """Raise StackenvError when there is nowhere to look."""
    unknown = list_unknown(template)
    if unknown and not roots:
        raise StackenvError(
            f"users' folders of modules are at {template.text} (configuration: personal.modules), and what "
            f"{', '.join(unknown)} is for other users cannot be told: nothing was looked at",
            "name the folder that has theirs in it: --root FOLDER",
        )


def list_user_folders(template: PathTemplate) -> Iterator[Path]:
    """Yield the folder of modules of each user that this system knows, by the configuration's `template`."""
    import pwd

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


def describe_change(module: LeaningModule) -> str:
    """Return the day on which the record of `module` was last written."""
    return time.strftime("%Y-%m-%d", time.localtime(module.written_s))


def describe_survey(survey: Survey, folders: int) -> dict[str, Any]:
    """Return what was found as plain data."""
    found = []
    for module in survey.found:
        row = {**asdict(module), "changed": describe_change(module)}
        del row["written_s"]
        found.append(row)
    return {
        "modules": list(survey.patterns),
        "found": found,
        "counts": {
            "folders": folders,
            "looked_at": survey.looked_at,
            "found": len(found),
            "owners": len({module.owner for module in survey.found}),
            "unread": len(survey.unread),
        },
        "unread": [{"path": path, "why": why} for path, why in survey.unread.items()],
    }


def map_rows(found: Iterable[LeaningModule]) -> list[tuple[str, ...]]:
    """Return the rows of the table; in brackets is what came with the modules that were asked for."""
    return [
        (
            module.owner,
            module.module,
            ", ".join((*module.leans_on, *(f"({name})" for name in module.beneath))),
            describe_change(module),
            module.environment,
        )
        for module in found
    ]


def print_owners(found: Iterable[LeaningModule]) -> None:
    """Print the owners, one a line; tell of those without a name."""
    owners = sorted({module.owner for module in found})
    for owner in owners:
        if not owner.isdigit():
            print_line(owner)
    numbers = [owner for owner in owners if owner.isdigit()]
    if numbers:
        tell(f"these users have no name any more: {', '.join(numbers)}")


def tell_counts(survey: Survey, folders: int, template: PathTemplate) -> None:
    """Tell how much was looked at, and what could not be."""
    people = len({module.owner for module in survey.found})
    tell(
        f"{len(survey.found)} of {format_count(survey.looked_at, 'personal module')}, of "
        f"{format_count(people, 'user')}, lean on {', '.join(survey.patterns)}; looked into "
        f"{format_count(folders, 'folder')}"
    )
    unknown = list_unknown(template)
    if unknown:
        tell(f"what {', '.join(unknown)} is for other users cannot be told: only --root was looked at")
    if survey.unread:
        path, why = next(iter(survey.unread.items()))
        number = format_count(len(survey.unread), "folder or file", "folders and files")
        tell(
            f"{number} could not be read, such as {path}: {why}. All are in what --json prints. A folder "
            "behind a user's link: --root FOLDER, where it is; one that root may not read, of a file server "
            "that trusts no root: as its owner, or on that server"
        )
