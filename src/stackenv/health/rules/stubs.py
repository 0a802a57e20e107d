"""The stubs of a venv, which show uv the packages of its modules: missing, wrong or unwanted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from packaging.utils import canonicalize_name

from stackenv.environments.stubs import (
    explain_no_stub,
    is_left_out,
    list_linked_stubs,
    list_stubs,
    plan_stubs,
    with_stubs,
)
from stackenv.errors import quote_word
from stackenv.health.checked_environment import CheckedEnvironment
from stackenv.health.finding import Finding
from stackenv.output import shorten_list
from stackenv.record import Record
from stackenv.transactions.changes import Change, RemoveFolder

# What each kind of fault means for the user.
MISSING = (
    "uv considers a package without a stub not installed, and installs its own, which hides the module's"
)
CHANGED = (
    "uv reads the requirements of packages from their stubs, and a wrong stub makes it choose wrong versions"
)
UNWANTED = "uv and `pip list` show packages that are not installed, or other versions of them"
LINKED = "when uv uninstalls such a package, it changes the target of the link, perhaps another environment"


class Faults(NamedTuple):
    """The folders of stubs that are missing, wrong or unwanted."""

    missing: list[Path]
    changed: list[Path]
    unwanted: list[Path]


def find_stubs(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield a finding for stubs that are missing, wrong or unwanted, and one for stubs that are links.

    Nothing if no stub is recorded and none exists: an older stackenv created that environment, or stubs are
    turned off, which `stackenv info` shows. A package that is pinned to another version than the modules have
    is a finding of the rule `stale`, with the same hint.
    """
    record, prefix = environment.record, environment.prefix
    if record is None or record.kind != "venv" or record.packed or not prefix.is_dir():
        return
    own = {str(canonicalize_name(package.name)) for package in environment.packages}
    linked = list_linked_stubs(record, own)
    if linked:
        yield report_links(environment, linked)
    if not (record.stubs or list_stubs(prefix)):
        return
    stack = environment.loaded_stack
    if stack is None or environment.venv is None:
        return
    pinned = stack.pinned(record.allow_shadow, environment.venv.sees_base_packages)
    settings = environment.configuration.personal
    wanted = with_stubs(replace(record, pinned=pinned), stack, settings)
    faults = sort_faults(plan_stubs(wanted, own), list_held_otherwise(record, pinned))
    if any(faults):
        yield report_stubs(environment, faults, wanted, own)


def list_held_otherwise(record: Record, pinned: Iterable[tuple[str, str, str]]) -> set[str]:
    """Return the canonical names of packages that `record` and `pinned` do not pin alike."""
    held, now = ({(canonicalize_name(n), v) for n, v, _ in pins} for pins in (record.pinned, pinned))
    return {str(name) for name, _ in held ^ now}


def sort_faults(changes: Collection[Change], others: Collection[str]) -> Faults:
    """Return the faults of stubs that the `changes` of a refresh imply, except for the packages `others`."""
    touched = [folder for folder in dict.fromkeys(map(find_stub_folder, changes)) if folder]
    removed = {Path(change.path) for change in changes if isinstance(change, RemoveFolder)}
    unwanted = [folder for folder in touched if folder in removed]
    folders = [folder for folder in touched if folder not in removed]
    missing = [folder for folder in folders if not folder.exists()]
    changed = [folder for folder in folders if folder not in missing]
    return Faults(
        *([f for f in found if split_name(f)[0] not in others] for found in (missing, changed, unwanted))
    )


def find_stub_folder(change: Change) -> Path | None:
    """Return the folder of the stub that `change` concerns; None if it concerns no stub."""
    path = Path(change.path)
    # From the inside, because the environment itself can have any name.
    return next((p for p in (path, *path.parents) if p.parent.name == "site-packages"), None)


def report_links(environment: CheckedEnvironment, linked: list[Path]) -> Finding:
    """Return the finding about the links `linked`, to stubs elsewhere or to nothing."""
    said = [f"{describe(path)} ({path.readlink()})" for path in linked]
    rm = " ".join(("rm", *(quote_word(str(path)) for path in linked)))
    return Finding(
        "stubs",
        "warning",
        f"stubs, by which uv sees the packages of its modules, are links: {shorten_list(said)}",
        str(linked[0]),
        LINKED,
        f"{rm}; {environment.refresh.sentence}",
        parts=tuple(said),
    )


def split_name(folder: Path) -> tuple[str, str]:
    """Return the canonical name and version of a package by the name of its metadata `folder`."""
    name, _, version = folder.name[: -len(folder.suffix)].partition("-")
    return str(canonicalize_name(name)), version


def report_stubs(
    environment: CheckedEnvironment, faults: Faults, wanted: Record, own: Collection[str]
) -> Finding:
    """Return the finding about `faults`; `wanted` is the record that a refresh would write."""
    parts = {
        "missing": (list(map(describe, faults.missing)), MISSING),
        "different from the module": (list(map(describe, faults.changed)), CHANGED),
    }
    for folder in faults.unwanted:
        why = f"unwanted ({explain_unwanted(split_name(folder)[0], environment, wanted, own)})"
        parts.setdefault(why, ([], UNWANTED))[0].append(describe(folder))
    said = [f"{kind}: {shorten_list(names)}" for kind, (names, _) in parts.items() if names]
    fix = environment.refresh
    return Finding(
        "stubs",
        "warning",
        f"the stubs, by which uv sees the packages of its modules, are wrong: {'; '.join(said)}",
        str([*faults.missing, *faults.changed, *faults.unwanted][0]),
        "; ".join(dict.fromkeys(why for names, why in parts.values() if names)),
        fix.sentence,
        (fix,),
        tuple(name for names, _ in parts.values() for name in names),
    )


def describe(folder: Path) -> str:
    """Return the name and version of the package of the stub `folder`, as text."""
    return " ".join(split_name(folder))


def explain_unwanted(name: str, environment: CheckedEnvironment, wanted: Record, own: Collection[str]) -> str:
    """Return why the package `name` should have no stub, or another one."""
    if not wanted.layers:
        return "after --no-pth"
    if wanted.stubs_off:
        return "after --no-stubs" if wanted.stubs_off == "user" else "turned off by the site: personal.stubs"
    if name in own:
        return "the package itself is installed"
    if name in {canonicalize_name(stub.name) for stub in wanted.stubs}:
        return "the right one exists too"
    if is_left_out(name, environment.configuration.personal):
        return "left out by the site: personal.stubs_leave_out"
    held = {str(canonicalize_name(pin[0])): pin[2] for pin in wanted.pinned}
    stack = environment.loaded_stack
    if name in held and stack is not None and wanted.python is not None:
        packages = (p for p in stack.packages if canonicalize_name(p.name) == name)
        return explain_no_stub(packages, held[name], wanted.python)
    return "no module has the package"
