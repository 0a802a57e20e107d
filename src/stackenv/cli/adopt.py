"""`stackenv adopt`: a module for an environment that exists already."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackenv.cli.create import print_plan, report_created
from stackenv.cli.options import EXIT_STATUS, dry_run_option, json_option, shared_option
from stackenv.environments.context import Context, open_context
from stackenv.environments.places import require_finished, resolve_dots
from stackenv.environments.store import check_name, expand_home, read_former_record
from stackenv.errors import StackenvError, UsageError
from stackenv.output import print_json

if TYPE_CHECKING:
    from stackenv.environments.store import StoredModule
    from stackenv.lifecycle.adoption import AdoptRequest
    from stackenv.record import Record
    from stackenv.transactions.plan import Plan

# How venv, virtualenv, Poetry, uv and conda call the folder in each project; people add a version.
USUAL_FOLDER = re.compile(
    r"(v?envs?|environments?|virtualenvs?|conda([-_]envs?)?|pixi|tox|nox)([-._\d]|py(thon)?)*", re.IGNORECASE
)
# What has environments by the names that their users chose: `conda create --name`, virtualenvwrapper.
COLLECTION = re.compile(r"\.?(v|virtual)?envs")
# Where tools have several environments of one project: .tox/py311, .nox/tests, .pixi/envs/test.
SEVERAL = re.compile(r".*/(\.tox|\.nox|\.pixi/envs)/[^/]+", re.DOTALL)
# An installation is known by its files, and where it has none of conda's, by its name.
INSTALLATION = re.compile(r"(mini|ana)(conda|forge)\d*|mambaforge\d*|micromamba", re.IGNORECASE)
LONGEST_NAME = 100


@click.command(epilog=EXIT_STATUS)
@click.argument("environment", metavar="PATH-or-NAME")
@click.argument("name", required=False)
@click.option("-m", "--module", "modules", multiple=True, help="It stands on this module too.")
@click.option("--version", help="Of the module; 1.0, or that which its module had before it was moved.")
@click.option("--allow-shadow", multiple=True, metavar="PACKAGE", help="May replace the stack's.")
@click.option("--no-pth", is_flag=True, help="Write nothing into its site-packages.")
@click.option("--user-site", is_flag=True, help="See ~/.local too, behind the environment's packages.")
@click.option("--description", default="", help="One line for `module spider` and `stackenv list`.")
@shared_option
@dry_run_option
@json_option
def adopt(
    environment: str, name: str | None, dry_run: bool, as_json: bool, shared: Path | None, **options: object
) -> None:
    """Make a module for an environment that exists already.

    A venv by its folder; a conda environment by its folder or its name. The module that the venv's
    Python came from is found by asking Lmod; further modules are those of -m, or those loaded now.
    Without NAME the module is called as the folder is, or, where that is .venv or the like, as the project.

    \b
    Example:
      stackenv adopt ~/venvs/venv-for-demo
      stackenv adopt ~/project/.venv
      stackenv adopt pandas        (a conda environment)
    """
    from stackenv.environments.module_update import require_unpacked
    from stackenv.environments.run_plan import carry_out, making
    from stackenv.environments.stack import require_loadable_name
    from stackenv.lifecycle.adoption import find_lost_module, require_not_adopted
    from stackenv.lifecycle.restore_record import recall

    context = open_context(shared)
    if not dry_run:
        context.recover()
    prefix = find_environment(environment, context)
    require_finished(prefix)
    former = read_former_record(prefix)
    if former:
        require_in_place(former, prefix)
        require_unpacked(former)
    home = Path(context.environ.get("HOME", "/"))
    lost = find_lost_module(context, prefix, name, options["version"])
    if lost:
        request = build_request(prefix, lost.name, options, recall(lost, context), home)
        adopt_again(lost, request, context, dry_run, as_json)
        return
    request = build_request(prefix, name, options, former, home)
    context.store.check_writable()
    require_not_adopted(context, prefix, former)
    with making(context) as context:
        plan, record = plan_adopted(request, context, former)
        require_loadable_name(record, context)
        if dry_run:
            print_plan(plan, as_json)
            return
        carry_out(plan, record, context)
        report_created(context, record.full_name, as_json)


def adopt_again(
    lost: StoredModule, request: AdoptRequest, context: Context, dry_run: bool, as_json: bool
) -> None:
    """Write the record of `lost`, a module that leads to the environment already, again."""
    from stackenv.environments.module_update import carry_out, open_store
    from stackenv.lifecycle.edit import plan_edit
    from stackenv.lifecycle.record_changes import EditRequest

    open_store(context, dry_run)
    refresh = EditRequest((), (), (), make_default=False, description=None, refresh=True)
    with contextlib.ExitStack() as links:
        replacement = plan_edit(refresh, lost, context, dry_run, links, request)
        if dry_run and as_json:
            print_json({"steps": list(replacement.sentences)})
            return
        carry_out(replacement, context, dry_run)
    if not dry_run:
        report_created(context, lost.full_name, as_json)


def require_in_place(former: Record, prefix: Path) -> None:
    """Raise StackenvError when the packed environment `former` is not where it was packed."""
    if not former.packed or os.path.realpath(former.path) == os.path.realpath(prefix):
        return
    old, new = shlex.quote(former.path), shlex.quote(str(prefix))
    if os.path.lexists(former.path):
        raise StackenvError(
            f"{prefix} is a copy of {former.full_name}, packed in {former.path}; nothing was changed",
            f"stackenv unpack {former.full_name}; copy that, and adopt the copy",
        )
    raise StackenvError(
        f"{prefix} is {former.full_name}, packed at {former.path} and moved since: packed, it works there "
        "alone; nothing was changed",
        f"mv {new} {old}; to have it elsewhere, then: stackenv unpack {former.full_name}; mv {old} {new}; "
        f"stackenv adopt {new} {former.name}",
    )


def plan_adopted(request: AdoptRequest, context: Context, former: Record | None) -> tuple[Plan, Record]:
    """Return the plan that gives the environment its module, and its record as far as it is known."""
    if (request.prefix / "conda-meta").is_dir():
        from stackenv.lifecycle.adopt_conda import plan_adopted_conda

        return plan_adopted_conda(request, context, former)
    from stackenv.lifecycle.adopt import plan_adopted_venv

    return plan_adopted_venv(request, context, former)


def build_request(
    prefix: Path, name: str | None, options: dict[str, object], former: Record | None, home: Path
) -> AdoptRequest:
    """Return what was typed, and what `former`, an older record of the environment, knows besides.

    Raises
    ------
    UsageError
        When name or version cannot be a module's.
    """
    from stackenv.lifecycle.adoption import AdoptRequest

    # The path as typed, absolute: a link to another file system is how the user wants it named.
    chosen = check_name(name if name is not None else former.name if former else suggest_name(prefix, home))
    if options["version"] is None:
        options["version"] = former.version if former and former.name == chosen else "1.0"
    request = AdoptRequest(prefix=prefix, name=chosen, **options).with_former(former)  # type: ignore[arg-type]
    check_name(request.version, "version")
    return request


def find_environment(text: str, context: Context) -> Path:
    """Return the prefix of the environment that is meant by a path or by the name of a conda environment.

    Raises
    ------
    UsageError
        When there is none.
    """
    from stackenv.conda.environments import find_named_environment

    path = resolve_dots(expand_home(text))
    if path.is_dir():
        if (path / "pyvenv.cfg").is_file() or (path / "conda-meta").is_dir():
            return path
        raise UsageError(
            f"{path} is no environment: it has neither a pyvenv.cfg (venv) nor a conda-meta (conda)",
            "name the folder that has bin/activate or conda-meta in it",
        )
    found = (
        find_named_environment(text, context.environ, context.configuration.conda)
        if "/" not in text
        else None
    )
    if found:
        return found
    raise UsageError(
        f"there is no folder {path}" + ("" if "/" in text else f", and no conda environment named {text}"),
        "conda env list shows those of conda",
    )


def suggest_name(prefix: Path, home: Path) -> str:
    """Return the name of the environment's folder, or of the project's around it, as a module can have it.

    In each project the folder is called `.venv` or the like: a name that says nothing, and no second module
    could have it. Where a tool has several environments in one project, the name has both.

    Raises
    ------
    UsageError
        When neither the folder nor a project around it has a name that can be used.
    """
    own = "" if prefix == home else choose_name(prefix)
    if own and not SEVERAL.fullmatch(str(prefix)):
        return own
    for folder in prefix.parents:
        if is_no_project(folder, home):
            break
        project = choose_name(folder)
        if project:
            return make_valid(f"{project}-{own}") if own else project
    raise UsageError(
        f"neither {prefix} nor a folder around it has a name that says which project it is of; "
        "nothing was changed",
        f"stackenv adopt {shlex.quote(str(prefix))} NAME",
    )


def choose_name(folder: Path) -> str:
    """Return how a module can be called after `folder`; empty when that would say nothing."""
    name = make_valid(folder.name)
    named = COLLECTION.fullmatch(folder.parent.name) or not USUAL_FOLDER.fullmatch(name)
    return name if named else ""


def is_no_project(folder: Path, home: Path) -> bool:
    """Tell whether `folder` has many projects in it: a home, an installation, the top of a file system."""
    if folder == home or folder.name in ("", home.name) or folder.parent == Path("/"):
        return True
    installed = any((folder / name).is_dir() for name in ("conda-meta", "condabin"))
    return installed or bool(INSTALLATION.fullmatch(folder.name)) or folder.is_mount()


def make_valid(text: str) -> str:
    """Return `text` as far as a module can be called so; empty when nothing is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9_.+-]+", "-", plain.removesuffix(".lua")).strip("-_.+")[:LONGEST_NAME]
    try:
        return check_name(name)
    except UsageError:
        return ""
