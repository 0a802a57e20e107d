"""`stackenv update` in a venv: what it would do, and the update itself."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from stackenv.environments.carried import renew_libraries
from stackenv.environments.context import Context
from stackenv.environments.install_failure import find_pinned
from stackenv.environments.module_update import plan_environment_files, plan_kept_modulefile, read_texts
from stackenv.environments.own_packages import (
    InstalledDistribution,
    read_origin,
    read_own_packages,
    read_site_packages,
)
from stackenv.environments.package_folders import name_package_folders
from stackenv.environments.places import plan_access
from stackenv.environments.platform import list_needed_features
from stackenv.environments.stack import Stack
from stackenv.environments.store import StoredModule
from stackenv.environments.venv_install import (
    can_report,
    constrained,
    environment_of,
    read_pip_version,
)
from stackenv.errors import InstallError, StackenvError, quote_word
from stackenv.lifecycle.pip_calls import (
    PipError,
    ask_pip,
    fetch_wheels,
    install_wheels,
    list_inconsistencies,
    list_touched,
)
from stackenv.lifecycle.prospect import Prospect
from stackenv.lifecycle.update_targets import StackShelf, Target, find_unwritable, is_same_package
from stackenv.lmod.bindings import Lmod
from stackenv.output import format_count
from stackenv.record import FOLDER, Package, Record, hide_credentials
from stackenv.transactions.backup import RestoreTree, back_up, name_backup_folder, plan_backup_removal
from stackenv.transactions.transaction import Step, Switch, Transaction, require_as_seen


def look_at_venv(
    target: Target, requirement: Requirement, shelf: StackShelf
) -> tuple[Prospect | None, VenvUpdate | None]:
    """Return what an update of `requirement` means for the venv, and the update if it is due.

    Nothing is changed. Both are None if the package is not installed.
    """
    record, module = target.record, target.module
    assert record and module
    own: dict[str, str] = {canonicalize_name(p.name): p.version for p in read_own_packages(record)}
    now = own.get(canonicalize_name(requirement.name), "")
    held = next((pin for pin in record.pinned if is_same_package(pin[0], requirement)), None)
    if not now and not held:
        return None, None
    prospect = Prospect(target.name, target.prefix, "venv", now or held[1] if held else now)
    if held:
        return hold(prospect, record, requirement, held), None
    try:
        refuse_venv(target, requirement)
        stack = shelf.load(module, record)
        environ = constrained(record, environment_of(record, stack.environ))
        refuse_pip(record, environ)
        handle, report = tempfile.mkstemp(suffix=".json")
        os.close(handle)
        changes = ask_pip(record, str(requirement), environ, Path(report), own)
    except PipError as error:
        return refuse_as_pip(prospect, record, requirement, error), None
    except StackenvError as error:
        return replace(prospect, state="refused", problem=error.message, hint=error.hint), None
    first = [c for c in changes if is_same_package(c.name, requirement) and c.after != now]
    if not first:
        return replace(prospect, then=now, state="current"), None
    ordered = (*first, *(c for c in changes if c not in first))
    prospect = replace(prospect, then=first[0].after, changes=ordered)
    return prospect, VenvUpdate(module, record, prospect, environ, stack, shelf.context)


def hold(
    prospect: Prospect, record: Record, requirement: Requirement, held: tuple[str, str, str]
) -> Prospect:
    """Return `prospect` for a package that the modules provide and that is pinned."""
    name = requirement.name
    return replace(
        prospect,
        then=prospect.now,
        module=held[2],
        state="held",
        problem=f"{name} {held[1]} comes from the module {held[2]} and is not updated",
        hint=f"stackenv rebuild {record.full_name} -m MODULE",
    )


def refuse_venv(target: Target, requirement: Requirement) -> None:
    """Raise StackenvError if the package must not, or cannot, be updated in the venv."""
    record = target.record
    assert record and record.python
    name, full_name = requirement.name, record.full_name
    if record.packed:
        raise StackenvError(f"{full_name} is packed and cannot be updated", f"stackenv unpack {full_name}")
    sites = name_package_folders(Path(record.path))
    unwritable = find_unwritable(target, ("bin", *sites, FOLDER))
    if unwritable:
        raise StackenvError(f"{unwritable} is not writable", f"ls -ld {quote_word(unwritable)}")
    found = find_distributions(Path(record.path))
    origin = read_origin(found[canonicalize_name(name)].read_text("direct_url.json"))
    if origin.get("url"):
        url = hide_credentials(str(origin["url"]))
        raise StackenvError(
            f"{name} was installed from {url}; an update would replace it by a version from the index",
            f"if you want that: ml {full_name}; pip install --upgrade {name}",
        )


def refuse_pip(record: Record, environ: Mapping[str, str]) -> None:
    """Raise StackenvError if the pip of the venv of `record` under `environ` is missing or too old."""
    full_name, version = record.full_name, read_pip_version(record, environ)
    if not version:
        raise StackenvError(f"{full_name} has no pip", f"ml {full_name}; python -m ensurepip")
    if not can_report(version):
        raise StackenvError(
            f"its pip {version} is too old for `stackenv update`, which requires pip 22.2 or later",
            f"ml {full_name}; pip install --upgrade pip",
        )


def find_distributions(prefix: Path) -> dict[str, InstalledDistribution]:
    """Return the distributions in the site-packages of `prefix`, by canonical name."""
    return {canonicalize_name(d.metadata["Name"]): d for d in read_site_packages(prefix)}


def refuse_as_pip(prospect: Prospect, record: Record, requirement: Requirement, error: PipError) -> Prospect:
    """Return `prospect` for a package for which pip finds no solution."""
    pinned = find_pinned(record, [str(requirement)], error.words)
    hint = f"ml {record.full_name}; pip install --upgrade --dry-run {str(requirement)!r}"
    if pinned:
        names = ", ".join(f"{name} {version} ({module})" for name, version, module in pinned)
        shadows = " ".join(f"--allow-shadow {name}" for name, _, _ in pinned)
        again = f"stackenv update {quote_word(str(requirement))} --env {record.full_name}"
        return replace(
            prospect,
            state="refused",
            module=pinned[0][2],
            problem=f"pip finds no version that is compatible with the packages of the modules: {names}",
            hint=f"stackenv edit {record.full_name} {shadows}; {again}",
        )
    return replace(prospect, state="refused", problem=f"pip: {error.message}", hint=hint)


@dataclass
class VenvUpdate:
    """One update of a venv."""

    module: StoredModule
    record: Record
    prospect: Prospect
    environ: Mapping[str, str]
    stack: Stack
    context: Context
    kept: Path = field(init=False)
    wheels: Path = field(init=False)
    seen: Mapping[str, str | None] = field(init=False)
    before: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.kept = name_backup_folder(Path(self.record.path, FOLDER))
        self.seen = read_texts((self.module.path, self.module.record_path))

    def plan(self) -> Transaction:
        """Return the steps of the update; the switch writes the record and the modulefile."""
        name, path = self.record.full_name, Path(self.record.path)
        further = format_count(len(self.prospect.further), "further package")
        many = f" and {further}" if self.prospect.further else ""
        what = f"{self.prospect.changes[0].name} {self.prospect.then}{many}"
        steps = [
            Step(f"{name}: fetch {what}", self.fetch),
            Step(
                f"{name}: back up what will be replaced, in {self.kept}",
                self.back_up,
                (RestoreTree(str(path), str(self.kept)),),
            ),
            Step(f"{name}: install {what}", self.install),
            Step(f"{name}: check that all dependencies are satisfied", self.look),
        ]
        steps += plan_access(path, self.context, name)
        return Transaction(name, self.switch, tuple(steps))

    def fetch(self) -> None:
        require_as_seen(self.seen)
        self.before = list_inconsistencies(self.record, self.environ)
        self.wheels = Path(tempfile.mkdtemp(prefix="wheels-"))
        fetch_wheels(self.record, self.prospect.changes, self.environ, self.wheels)

    def back_up(self) -> None:
        found = find_distributions(Path(self.record.path))
        changed = [found.get(canonicalize_name(change.name)) for change in self.prospect.changes]
        touched = list_touched(self.record, filter(None, changed), self.wheels)
        sites = name_package_folders(Path(self.record.path))
        back_up(Path(self.record.path), self.kept, touched or (*sites, "bin", "include"), lambda _: True)

    def install(self) -> None:
        install_wheels(self.record, self.prospect.changes, self.environ, self.wheels)

    def look(self) -> None:
        """Raise InstallError if a dependency is missing that was satisfied before."""
        wrong = sorted(list_inconsistencies(self.record, self.environ) - self.before)
        if wrong:
            raise InstallError(f"the update would break other packages: {'; '.join(wrong)}")

    def switch(self) -> Switch:
        """Return the changes that update record and modulefile, and delete the backup."""
        known = (Package(c.name, c.after, "", c.source, c.sha256) for c in self.prospect.changes)
        after = replace(self.record, packages=(*self.record.packages, *known))
        packages = read_own_packages(after)
        features = list_needed_features(packages, Path(after.path), self.environ)
        after = replace(after, packages=packages, cpu_features=features)
        lmod, settings = Lmod.find(self.context.environ), self.context.configuration.personal
        after = renew_libraries(after, self.stack, lmod, settings)
        told, hand_edited = plan_kept_modulefile(self.module, self.module.path)
        sentence = f"{after.full_name}: write the record and the modulefile {self.module.path}"
        return Switch(
            (*told, sentence),
            (
                *hand_edited,
                *plan_environment_files(after, self.module.path),
                plan_backup_removal(self.kept),
            ),
            self.seen,
            routine=sentence,
        )
