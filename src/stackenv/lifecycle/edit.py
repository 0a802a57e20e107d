"""`stackenv edit`: what an environment stands on, what it may shadow, and which version is the default."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackenv.cli.options import EXIT_STATUS, dry_run_option, shared_option
from stackenv.environments.context import Context, open_context
from stackenv.errors import LostRecordError, StackenvError, UsageError, quote_word
from stackenv.output import tell

if TYPE_CHECKING:
    from contextlib import ExitStack

    from stackenv.environments.stack import Stack
    from stackenv.environments.store import StoredModule
    from stackenv.lifecycle.adoption import AdoptRequest
    from stackenv.record import Record
    from stackenv.transactions.plan import Replacement


@dataclass(frozen=True)
class EditRequest:
    """What was typed behind `stackenv edit`; `description` is None when it is to stay."""

    modules: tuple[str, ...]
    allow_shadow: tuple[str, ...]
    forbid_shadow: tuple[str, ...]
    make_default: bool
    description: str | None
    refresh: bool
    see_modules: bool | None = None

    @property
    def changes_environment(self) -> bool:
        return bool(self.modules or self.allow_shadow or self.forbid_shadow or self.see_modules is not None)

    @property
    def changes_record(self) -> bool:
        return self.changes_environment or self.description is not None or self.refresh

    def check_all(self) -> None:
        """Raise UsageError for what only one environment can be asked for."""
        if self != EditRequest((), (), (), False, None, True):
            raise UsageError(
                "--all requires --refresh, and cannot be combined with other options",
                "stackenv edit --refresh --all",
            )

    def check(self) -> None:
        """Raise UsageError for what cannot be meant."""
        if not self.changes_record and not self.make_default:
            raise UsageError("nothing is to be changed", "stackenv edit --help shows what can be")
        both = {fold(name) for name in self.allow_shadow} & {fold(name) for name in self.forbid_shadow}
        if both:
            raise UsageError(f"{', '.join(sorted(both))} cannot be both allowed and forbidden")


def fold(name: str) -> str:
    """Return the name of a package as the index compares it."""
    from packaging.utils import canonicalize_name

    return canonicalize_name(name)


@click.command(epilog=EXIT_STATUS)
@click.argument("name", metavar="NAME[/VERSION]", required=False)
@click.option(
    "-m", "--module", "modules", multiple=True, help="Stand on this module, instead of those before."
)
@click.option("--allow-shadow", multiple=True, metavar="PACKAGE", help="May replace the stack's.")
@click.option("--forbid-shadow", multiple=True, metavar="PACKAGE", help="Stays the stack's again.")
@click.option(
    "--see-modules/--hide-modules",
    default=None,
    help="Conda: import what modules bring on PYTHONPATH, or not.",
)
@click.option("--default", "make_default", is_flag=True, help="`module load NAME` gives this version.")
@click.option("--description", help="One line for `module spider` and `stackenv list`.")
@click.option("--refresh", is_flag=True, help="Ask modules and conda again; rewrite all files of stackenv.")
@click.option("--all", "every", is_flag=True, help="Refresh all your environments.")
@shared_option
@dry_run_option
def edit(
    name: str | None,
    modules: tuple[str, ...],
    allow_shadow: tuple[str, ...],
    forbid_shadow: tuple[str, ...],
    make_default: bool,
    description: str | None,
    refresh: bool,
    see_modules: bool | None,
    every: bool,
    shared: Path | None,
    dry_run: bool,
) -> None:
    """Change what an environment stands on, or its module.

    A venv keeps its Python: modules of another generation, with another one, are refused. There it is
    made anew: stackenv rebuild biopy -m MODULE. Files that stackenv did not write stay as they are. --refresh
    brings modulefile and constraints in line with the modules, and with what a conda environment's own
    activation does by now; what stackenv has put into the environment and is missing, it writes again, the
    record and a venv's links to Python too. After a record was written again `stackenv remove` leaves the
    environment, as one that was adopted. After an update of stackenv, --refresh --all does so for all your
    environments; in a project it writes no record again.

    \b
    Example:
      stackenv edit biopy -m SciPy-bundle/2023.07 -m matplotlib/3.7.2
      stackenv edit biopy --allow-shadow numpy
      stackenv edit biopy/2.0 --default
      stackenv edit --refresh --all
    """
    from stackenv.environments.module_update import open_store

    request = EditRequest(
        modules, allow_shadow, forbid_shadow, make_default, description, refresh, see_modules
    )
    if every == bool(name):
        raise UsageError(
            "--all cannot be combined with a name" if name else "the name of the environment is missing",
            "stackenv list shows the names; stackenv edit --help",
        )
    if every:
        request.check_all()
    else:
        request.check()
    context = open_context(shared)
    open_store(context, dry_run)
    if name:
        edit_module(request, context.store.find(name), context, dry_run)
    else:
        edit_all(request, context, dry_run)


def edit_all(request: EditRequest, context: Context, dry_run: bool) -> None:
    """Change all environments of `context`, one after the other; one that fails stays as it was.

    Raises
    ------
    StackenvError
        When one has failed, at the end.
    """
    failed: dict[str, str] = {}
    modules = list(context.store.list_modules())
    for module in modules:
        try:
            require_record(module, context)
            edit_module(request, module, context, dry_run)
        except (StackenvError, OSError) as error:
            failed[module.full_name] = getattr(error, "hint", "")
            tell(f"{module.full_name} is as it was: {getattr(error, 'message', error)}")
    if not dry_run:
        done = len(modules) - len(failed)
        tell(f"{done} {'environment is' if done == 1 else 'environments are'} up to date")
    if failed:
        raise StackenvError(
            f"failed: {', '.join(failed)}",
            "\n      ".join(f"{name}: {hint}" for name, hint in failed.items() if hint),
        )


def require_record(module: StoredModule, context: Context) -> None:
    """Raise LostRecordError for a record in a project that is to be written again, if its name is typed."""
    if context.shared is None:
        return
    try:
        module.read_record()
    except LostRecordError as error:
        raise LostRecordError(
            f"{error.message}; in a project --all does not write it again: others can have written the "
            "modulefile",
            f"look at {module.path}, then: stackenv edit {module.full_name} --refresh --shared "
            f"{quote_word(context.shared)}",
        ) from error


def edit_module(request: EditRequest, module: StoredModule, context: Context, dry_run: bool) -> None:
    """Change one environment, or print what that would do."""
    from stackenv.environments.module_update import carry_out, describe_use
    from stackenv.lifecycle.saved_collections import tell_collections

    with contextlib.ExitStack() as links:
        carry_out(plan_edit(request, module, context, dry_run, links), context, dry_run)
    if dry_run:
        return
    leave = describe_use(module, context.environ)
    if leave:
        tell(f"this shell still has {module.full_name} as it was: {leave}; ml {module.full_name}")
    if request.modules:
        tell_collections(module, module.read_record(), context)


def plan_edit(
    request: EditRequest,
    module: StoredModule,
    context: Context,
    dry_run: bool,
    links: ExitStack,
    adopted: AdoptRequest | None = None,
) -> Replacement:
    """Return the changes that `request` asks for; with `dry_run` no activation is run to find them.

    Links to Python that are gone are made for that, and are gone again when the block of `links` fails.
    `adopted` is what was typed behind `stackenv adopt`, for a module whose record is lost.
    """
    from stackenv.environments.module_update import keep_hand_edited, see, write_environment
    from stackenv.environments.store import render_default
    from stackenv.jupyter.kernels import rewrite_kernels
    from stackenv.lifecycle.restore_record import restore_contents
    from stackenv.transactions.plan import Change, Replacement, WriteFile

    sentences: list[str] = []
    changes: list[Change] = []
    files: tuple[Path, ...] = ()
    restored = None
    if request.refresh:
        sentences, restored = bring_back(module, context, dry_run, links, adopted)
        if sentences and dry_run:
            # What follows needs the Python, or the record.
            return Replacement(module.full_name, tuple(sentences), (), see((module.path,)))
    if request.changes_record:
        before, after = plan_record(request, module, context, dry_run, restored)
        told, kept = keep_hand_edited(module, module.path)
        sentences += [
            *told,
            *describe_differences(before, after),
            f"write the record, what depends on it in {after.path}, and the modulefile {module.path}",
        ]
        renamed, kernels, files = rewrite_kernels(before, after, context.environ, context.shared)
        sentences += renamed
        contents = restore_contents(after, context) if request.refresh else ()
        changes += (*kept, *contents, *write_environment(after, module.path), *kernels)
    default = context.store.default_path(module.name)
    if request.make_default:
        context.store.require_own_default(module.name)
        sentences.append(f"make {module.full_name} what `module load {module.name}` gives: {default}")
        changes.append(WriteFile(str(default), render_default(module.name, module.version)))
    seen = see((module.path, module.record_path, *files, *([default] if request.make_default else [])))
    return Replacement(module.full_name, tuple(sentences), tuple(changes), seen)


def plan_record(
    request: EditRequest, module: StoredModule, context: Context, dry_run: bool, restored: Record | None
) -> tuple[Record, Record]:
    """Return the record of `module` as it is, or as it was `restored`, and as `request` wants it."""
    from stackenv.environments.module_update import read_own_record, require_unpacked

    before = restored or read_own_record(module)
    if request.changes_environment:
        require_unpacked(before)
    after = change_record(request, before, context)
    return before, ask_again(after, context, dry_run) if request.refresh and not restored else after


def bring_back(
    module: StoredModule, context: Context, dry_run: bool, made: ExitStack, adopted: AdoptRequest | None
) -> tuple[list[str], Record | None]:
    """Make the links to Python that are gone from a venv; return what is said, and the record if it was lost.

    When the block of `made` fails they are gone again. With `dry_run` nothing is made, no record returned.
    """
    from stackenv.environments.module_update import read_own_record, require_writable
    from stackenv.environments.venv import find_lost_links
    from stackenv.environments.venv_install import links_made
    from stackenv.lifecycle.restore_record import require_restorable, restore_record

    sentences, record = [], None
    try:
        record = read_own_record(module)
    except LostRecordError:
        require_restorable(module, context, adopted is not None)
        sentences.append(f"write {module.record_path} again, from {module.path} and what is installed")
    python = record.python.executable if record and record.python else ""
    is_venv = record is None or (record.kind == "venv" and not record.packed)
    links = find_lost_links(Path(module.prefix), python) if is_venv else {}
    if links:
        sentences.insert(0, f"make {', '.join(links)} in {module.prefix}/bin again")
        require_writable(module.prefix)
    if dry_run or not sentences:
        return sentences, None
    made.enter_context(links_made(Path(module.prefix, "bin"), links))
    if record:
        return sentences, None
    restored = restore_record(module, context, adopted)
    if not (restored.owned or adopted):
        tell(
            f"from now on `stackenv remove` leaves the folder {module.prefix}: that stackenv made it, only "
            f"the lost record could tell; stackenv remove {module.full_name} --environment deletes it"
        )
    return sentences, restored


def change_record(request: EditRequest, record: Record, context: Context) -> Record:
    """Return `record` as `request` wants it.

    Raises
    ------
    UsageError
        When a conda environment is to shadow something, or what is to be forbidden was never allowed.
    StackenvError
        When a module cannot be loaded, or brings another Python than the venv's.
    """
    if request.description is not None:
        record = replace(record, description=request.description)
    if record.kind != "venv" and (request.allow_shadow or request.forbid_shadow):
        raise UsageError(f"{record.full_name} is no venv: no package of the stack is held in it")
    if request.see_modules is not None:
        record = choose_modules_seen(record, request.see_modules, context)
    allowed = {fold(name): name for name in (*record.allow_shadow, *request.allow_shadow)}
    for name in request.forbid_shadow:
        if not allowed.pop(fold(name), ""):
            raise UsageError(f"{record.full_name} may not shadow {name} as it is", "nothing is to be done")
    record = replace(record, allow_shadow=tuple(allowed.values()))
    if record.kind == "conda" and request.modules:
        return put_on(record, load_conda(request.modules, context))
    if request.modules or request.forbid_shadow:
        return restack(record, request.modules or record.modules, context)
    held = tuple(entry for entry in record.pinned if fold(entry[0]) not in allowed)
    return replace(record, pinned=held)


def choose_modules_seen(record: Record, seen: bool, context: Context) -> Record:
    """Return the record of a conda environment whose Python imports what modules bring, or does not.

    Raises
    ------
    UsageError
        For a venv, which is based on its modules.
    """
    if record.kind != "conda":
        raise UsageError(
            f"{record.full_name} is a venv and always imports from its modules, after its own packages",
            "--see-modules and --hide-modules are for conda environments",
        )
    conda = context.configuration.conda
    by_site = "" if conda.hide_modules else "site"
    return replace(record, sees_modules="user" if seen else by_site, module_roots=conda.module_roots)


def ask_again(record: Record, context: Context, dry_run: bool) -> Record:
    """Return `record` with what its modules hold now, or with what its conda activation does now."""
    from stackenv.lifecycle.adopt_conda import capture_record

    if record.packed:
        # Its Python is in the image, and nothing is installed into that.
        return record
    if record.kind == "venv":
        return restack(record, record.modules, context)
    if dry_run:
        tell(f"{record.full_name}: what its activation does is not captured now")
        return record
    seen = choose_modules_seen(record, record.sees_modules == "user", context)
    return capture_record(seen, context)


def put_on(record: Record, stack: Stack) -> Record:
    """Return `record` with the modules of `stack`."""
    return replace(record, modules=stack.modules, stack=stack.loaded, modulepath=stack.modulepath)


def load_conda(modules: tuple[str, ...], context: Context) -> Stack:
    """Return the stack of `modules` and of conda's module."""
    from stackenv.lifecycle.adopt_conda import load_conda_stack
    from stackenv.lmod.bindings import Lmod

    return load_conda_stack(modules, context, Lmod.find(context.environ))


def restack(record: Record, modules: tuple[str, ...], context: Context) -> Record:
    """Return the record of the venv on `modules`, which are loaded afresh.

    From the user's own MODULEPATH alone: in a project others may have written the record's, and to load
    a module runs it.
    """
    from stackenv.environments.stack import load_stack, require_no_personal
    from stackenv.environments.venv import read_venv
    from stackenv.lifecycle.trusted_code import require_names
    from stackenv.lmod.bindings import Lmod

    require_names(modules, record.full_name)
    stack = require_no_personal(load_stack(Lmod.find(context.environ), modules))
    require_same_python(record, stack)
    python = record.python
    if python and stack.python:
        python = replace(python, module=stack.python.module, version=stack.python.version)
    sees_base = read_venv(Path(record.path)).sees_base_packages
    pinned = stack.pinned(record.allow_shadow, sees_base)
    return put_on(replace(record, python=python, pinned=pinned), stack)


def require_same_python(record: Record, stack: Stack) -> None:
    """Raise StackenvError when the venv of `record` cannot stand on `stack`."""
    from stackenv.environments.venv import read_venv

    assert record.python is not None
    executable = read_venv(Path(record.path)).executable
    if stack.python is None and not record.python.module:
        return
    if stack.python and stack.python.executable == executable:
        return
    brought = (
        f"bring Python {stack.python.version} ({stack.python.executable}"
        + (f", of {stack.python.module})" if stack.python.module else ")")
        if stack.python
        else "bring no Python"
    )
    own = f"Python {record.python.version} ({executable}"
    own += f", of {record.python.module})" if record.python.module else ")"
    raise StackenvError(
        f"{record.full_name} is a venv of {own}, and the modules {', '.join(stack.modules) or '(none)'} "
        f"{brought}: a venv keeps its Python; nothing was changed",
        f"make it anew: stackenv rebuild {record.full_name} "
        f"{' '.join(f'-m {m}' for m in stack.modules) or '-m MODULE'}",
    )


def describe_differences(before: Record, after: Record) -> list[str]:
    """Return a sentence for each thing that is different in `after`."""
    sentences = []
    if before.modules != after.modules:
        old, new = (", ".join(record.modules) or "no module" for record in (before, after))
        sentences.append(f"stand on {new} instead of {old}")
    if before.description != after.description:
        sentences.append(f"description: {after.description}")
    if before.sees_modules != after.sees_modules:
        sentences.append(
            "import from loaded modules" if after.sees_modules else "hide loaded modules' packages"
        )
    held = {name: (version, module) for name, version, module in before.pinned}
    for name, version, module in after.pinned:
        if name not in held:
            sentences.append(f"hold {name} {version} of {module}")
        elif held[name][0] != version:
            sentences.append(f"hold {name} {version} of {module} instead of {held[name][0]}")
    now = {name for name, _, _ in after.pinned}
    sentences += [f"hold {name} {version} no more" for name, version, _ in before.pinned if name not in now]
    return sentences
