"""How an environment is made anew: on which modules, where, and, for a venv, by which steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stackenv.environments.context import Context
from stackenv.environments.module_update import keep_users_files
from stackenv.environments.places import choose_next_place
from stackenv.environments.platform import probe_platform
from stackenv.environments.stack import (
    Stack,
    load_stack,
    require_no_personal,
    require_os_python,
    require_python,
)
from stackenv.environments.venv import read_configuration
from stackenv.environments.venv_install import complete_record, environment_of, making_steps
from stackenv.environments.venv_module import describe_venv_files
from stackenv.errors import StackenvError
from stackenv.lifecycle.adopt_conda import draft_conda_record, load_conda_stack
from stackenv.lifecycle.adoption import AdoptRequest
from stackenv.lifecycle.requirements import install_with_pip, read_reports, split_off_stack
from stackenv.lmod.bindings import Lmod
from stackenv.record import RECORD_FILE, Record, read_command_words, write_record_text
from stackenv.transactions.files import write_file
from stackenv.transactions.plan import Step

if TYPE_CHECKING:
    from stackenv.lifecycle.rebuild import Rebuilding


def load_modules(old: Record, modules: tuple[str, ...], context: Context) -> Stack:
    """Return the stack of `modules`, from the user's own MODULEPATH: in a project others write the record.

    Raises
    ------
    ModuleError
        When one cannot be loaded.
    StackenvError
        When one is no name of a module in MODULEPATH.
    """
    if any(not module or module[0] in "/-." or ".." in module for module in modules):
        raise StackenvError(
            f"{', '.join(modules)}: a module is loaded by its name in MODULEPATH alone; nothing was changed",
            "module spider shows the names; then type the same with: --module NAME/VERSION",
        )
    lmod = Lmod.find(context.environ)
    if old.kind == "conda":
        return load_conda_stack(modules, context, lmod)
    return require_no_personal(load_stack(lmod, modules))


def draft_rebuilt(old: Record, stack: Stack, context: Context, path: Path | None = None) -> Record:
    """Return the record of the new environment as far as it is known before it is made.

    Without `path` it gets a folder of its own beside those that there are.
    """
    if old.kind == "conda":
        request = AdoptRequest(path or choose_next_place(old, context), old.name, version=old.version)
        record = draft_conda_record(request, context, stack, owned=True)
        return replace(record, user_site=old.user_site, description=old.description)
    on_os_python = old.python is not None and not old.python.module and stack.python is None
    lmod = Lmod.find(context.environ)
    python = require_os_python(stack) if on_os_python else require_python(stack, lmod)
    return replace(
        old,
        path=str(path or choose_next_place(old, context)),
        module_folder=str(context.store.root),
        modules=stack.modules,
        stack=stack.loaded,
        modulepath=stack.modulepath,
        python=python,
        platform=probe_platform(),
        packages=(),
        pinned=stack.pinned(old.allow_shadow, sees_system(old)),
        cpu_features=(),
        owned=True,
        made_by=read_command_words(),
        packed=None,
        replaces="",
    )


def sees_system(record: Record) -> bool:
    """Tell whether the venv of `record` was made with --system-site-packages; yes when nothing tells."""
    try:
        found = read_configuration(Path(record.path, "pyvenv.cfg"))
    except (OSError, ValueError):
        return True
    return found.get("include-system-site-packages", "true").lower() == "true"


def venv_rebuild_steps(rebuilding: Rebuilding) -> tuple[Step, ...]:
    """Return the steps that make the new venv with its packages and record."""
    record, stack, outcome = rebuilding.record, rebuilding.stack, rebuilding.outcome
    environ = environment_of(record, stack.environ)
    reports = Path(rebuilding.context.environ["TMPDIR"], "reports")
    outcome.left_to_stack.clear()
    wanted = split_off_stack(rebuilding.contents.pip, record.pinned, outcome)

    def finish() -> None:
        complete = complete_record(record, environ, read_reports(reports))
        outcome.settle(wanted, complete.packages, stack)
        write_file(Path(record.path, RECORD_FILE), write_record_text(complete))
        rebuilding.record = complete

    def install_all() -> None:
        install_with_pip(record, wanted, environ, reports, outcome, rebuilding.isolated)
        keep_users_files(describe_venv_files(record), record.path)

    install = Step(f"install with pip: {' '.join(w.name for w in wanted if not w.why)}", install_all)
    return (
        *making_steps(record, stack, rebuilding.proof, sees_system(rebuilding.old)),
        *([install] if wanted else []),
        Step(f"write the record in {record.path}", finish),
    )
