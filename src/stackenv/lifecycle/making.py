"""The steps that create or adopt an environment, and write its record and its module."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stackenv.environments.added_files import describe_files
from stackenv.environments.carried import complete_carried, list_replaced
from stackenv.environments.conda_environment import capture_record, find_python
from stackenv.environments.context import Context
from stackenv.environments.first_start import start_first
from stackenv.environments.launchers import describe_launchers, describe_replacement
from stackenv.environments.managed_files import plan_file_rewriting, plan_kept_files
from stackenv.environments.module import describe_module
from stackenv.environments.module_update import keep_users_files, require_changeable
from stackenv.environments.own_packages import read_sources
from stackenv.environments.places import (
    name_mark,
    plan_access,
    plan_folder,
    require_empty,
    require_finished,
)
from stackenv.environments.stack import Stack
from stackenv.environments.store import StoredModule
from stackenv.environments.stubs import describe_stub_files, plan_first_stubs
from stackenv.environments.uv import Uv
from stackenv.environments.venv_install import (
    complete_record,
    environment_of,
    explain_copied_pip,
    install_packages,
    make_venv,
    read_reports,
    write_files,
)
from stackenv.errors import UsageError
from stackenv.lmod.bindings import Lmod
from stackenv.lmod.module_files import list_modulefiles
from stackenv.modulefile import InstalledFile
from stackenv.modulefile.text import render_module
from stackenv.output import format_count, print_message, print_warning
from stackenv.record import FOLDER, RECORD_FILE, Record, write_record_text
from stackenv.transactions.changes import (
    Change,
    MakeFile,
    RemoveFile,
    RemoveFolder,
    RemoveTree,
    WriteFile,
    WriteLink,
    carry_out_change,
)
from stackenv.transactions.files import write_file
from stackenv.transactions.transaction import Step, Switch, Transaction, carry_out, read_text
from stackenv.user_paths import describe_shells, type_load

if TYPE_CHECKING:
    # What it imports is not needed for a new environment.
    from stackenv.lifecycle.requirements import InstallReport


@dataclass(frozen=True)
class Made:
    """The result of a command that creates or adopts an environment; for a dry run only the steps.

    Parameters
    ----------
    steps
        The sentences of the steps.
    module, record
        The module and record of the environment; None for a dry run.
    use, shells
        What to type to use it, and in which shells that is enough.
    report
        How it differs from the environment from which it was created; None for a new one.
    """

    steps: tuple[str, ...]
    module: StoredModule | None = None
    record: Record | None = None
    use: str = ""
    shells: str = ""
    report: InstallReport | None = None

    @property
    def summary(self) -> str:
        """What was done, in a line."""
        assert self.module is not None and self.record is not None
        done = "Created" if self.record.owned else "Adopted"
        return f"{done} {describe_with_packages(self.record)}, in {self.module.prefix}"


@dataclass
class Making:
    """One environment that is being created or adopted.

    Parameters
    ----------
    record
        Its record, as far as known; the steps complete it.
    stack
        Its base modules.
    context
        The context of the command, with the folder for temporary files in TMPDIR.
    sees_base
        Whether a venv sees the packages of its base Python.
    replaced
        The text of the modulefile that it replaces; None if it replaces none.
    """

    record: Record
    stack: Stack
    context: Context
    sees_base: bool = True
    replaced: str | None = None
    mark: Path = field(init=False)
    copies_pip: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.mark = name_mark(self.record.path)

    @property
    def modulefile(self) -> Path:
        """The path of its modulefile, which may not exist yet."""
        return self.context.store.path_of(self.record.name, self.record.version)

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment variables of pip in the venv."""
        return environment_of(self.record, self.stack.environ)

    @property
    def reports(self) -> Path:
        """The folder for pip's reports."""
        return Path(self.context.environ["TMPDIR"], "reports")

    def plan_environment(self, installs: Sequence[Step]) -> tuple[Step, ...]:
        """Return the steps that create the environment, including `installs`, which install packages."""
        folder = plan_folder(Path(self.record.path), self.mark)
        if self.record.kind == "venv":
            return (folder, *self._plan_venv(), *installs)
        return (folder, *installs, *self.plan_files())

    def _plan_venv(self) -> tuple[Step, ...]:
        record, python = self.record, self.record.python
        assert python is not None
        whose = f" from the module {python.module}" if python.module else ""
        copied = explain_copied_pip(record, self.stack, self.sees_base)
        self.copies_pip = bool(copied)
        if copied and not record.with_pip:
            print_message(f"the environment gets its own copy of pip: {copied}")

        def make() -> None:
            path, environ = Path(record.path), self.stack.environ
            make_venv(path, python, record.name, environ, self.sees_base, self.copies_pip)

        def write() -> None:
            # A copy of pip has installed its own programs there.
            write_files(keep_users_files(describe_files(record), record.path))
            # There can be hundreds: like the files that pip installs, they are not synced one by one.
            write_files(describe_stub_files(record, ()), synced=False)

        pip = " and a copy of pip" if copied else ""
        return (
            Step(f"create a venv with Python {python.version}{whose}{pip}", make),
            Step(
                f"set the import order, and pin {format_count(len(record.pinned), 'package')} of the modules",
                write,
            ),
        )

    def plan_files(self) -> tuple[Step, ...]:
        """Return the steps that write stackenv's files into an existing environment."""
        record = self.record
        files = keep_users_files(describe_files(record), record.path)
        stubs = plan_first_stubs(record)
        require_changeable(stubs)
        sentences, kept = plan_kept_files(files, record.path)
        for sentence in sentences:
            print_message(sentence)
        listed = [os.path.relpath(f.path, record.path) for f in files if f"/{FOLDER}/" not in f.path]

        def write() -> None:
            self.mark.parent.mkdir(exist_ok=True)
            self.mark.touch()
            for change in kept:
                carry_out_change(change)
            # The Python of a new conda environment is known only after conda has created it.
            if record.kind == "conda" and find_python(Path(record.path)) != record.python:
                self.record = replace(record, python=find_python(Path(record.path)))
                write_files(keep_users_files(describe_files(self.record), record.path))
            else:
                write_files(files)
            for stub in stubs:
                carry_out_change(stub)

        undo = () if record.owned else self._plan_undo(files, (*kept, *stubs))
        what = ", ".join((f"the folder {FOLDER}", *listed))
        step = Step(f"write into {record.path}: {what}{describe_first_stubs(stubs)}", write, undo)
        if record.kind == "venv":
            return (step,)
        sentence = "capture its activation"
        return (step, Step(sentence, self._capture, doing="Capturing its activation"))

    def _plan_undo(self, files: Iterable[InstalledFile], changes: Sequence[Change]) -> tuple[Change, ...]:
        """Return the changes that undo the writing of `files` and `changes` in an adopted environment.

        An environment that stackenv creates is removed as a whole, by the undo of the step that creates it.
        """
        paths = [change.path for change in changes if not isinstance(change, RemoveFolder)]
        undo = undo_files((*(file.path for file in files), *paths), self.record.path, self.mark)
        folders = dict.fromkeys(str(Path(path).parent) for path in paths if ".dist-info/" in path)
        return (*undo, *map(RemoveFolder, folders))

    def _capture(self) -> None:
        self.record = capture_record(self.record, self.context)

    def install(self, calls: Sequence[Sequence[str]], uv: Uv | None) -> None:
        """Install the arguments of each of `calls` with `uv` or, if it is None, with the venv's pip.

        Raises
        ------
        InstallError
            If it fails.
        """
        if uv:
            uv.install(self.record, calls, self.environ)
        else:
            install_packages(self.record, calls, self.environ, self.reports)
        self.print_replaced_files()

    def print_replaced_files(self) -> None:
        """Print a message if a package has replaced a file of stackenv's, as the package uv does."""
        keep_users_files(describe_files(self.record), self.record.path)

    def undo_folders(self) -> tuple[RemoveFolder, ...]:
        """Return the changes that delete the folders that will be created for the environment."""
        path = Path(self.record.path)
        folders = (path, *path.parents) if self.record.owned else ()
        return tuple(RemoveFolder(str(folder)) for folder in folders if not folder.exists())

    def make_folders(self) -> None:
        """Create the environment's folder with the right access, if stackenv creates it."""
        path, shared, access = Path(self.record.path), self.context.shared, self.context.access
        if self.record.owned:
            if shared and path.is_relative_to(shared):
                access.make_folder(path.parent)
            access.make_folder(path)

    def start_first(self) -> None:
        """Start the new Python once, unless others in a project may have written what it runs."""
        if self.record.owned or not self.context.shared:
            with self.context.access.applied():
                start_first(self.record)

    def plan_access(self) -> tuple[Step, ...]:
        """Return the step that gives a project's group access to what stackenv has created."""
        return plan_access(Path(self.record.path), self.context) if self.record.owned else ()

    def _require_free(self) -> None:
        """Check again under the lock: another command may have created the same since this was planned."""
        store, path = self.context.store, Path(self.record.path)
        old = store.read(self.modulefile)
        if old is None or os.path.lexists(old.prefix):
            store.require_free(self.record.name, self.record.version)
        if self.record.owned:
            require_empty(path)
        else:
            require_finished(path)
        if self.context.shared:
            self.context.access.make_folder(self.modulefile.parent)
        self.make_folders()

    def complete(self) -> None:
        """Complete the record and write it."""
        if self.record.kind == "venv":
            # uv writes no reports.
            reported = {**read_sources(Path(self.record.path)), **read_reports(self.reports)}
            record = complete_record(self.record, self.stack.environ, reported, self.copies_pip)
            lmod, settings = Lmod.find(self.context.environ), self.context.configuration.personal
            self.record = complete_carried(record, self.stack, lmod, settings)
            if self.record.owned:
                write_files(describe_launchers(self.record))
        write_file(Path(self.record.path, RECORD_FILE), write_record_text(self.record))

    def switch(self) -> Switch:
        """Return the changes that complete the environment: its modulefile appears."""
        path, text = str(self.modulefile), render_module(describe_module(self.record))
        old = self.replaced
        launchers = () if self.record.owned else describe_launchers(self.record)
        return Switch(
            (self.switch_sentence,),
            (
                MakeFile(path, text, self.own_line) if old is None else WriteFile(path, text),
                # An environment that stackenv created has them already; in another the links stay till now.
                *plan_file_rewriting(launchers, self.record.path),
                RemoveFile(str(self.mark)),
            ),
            {} if old is None else {path: old},
            routine=self.switch_sentence,
        )

    @property
    def own_line(self) -> str:
        """The line that identifies the modulefile, even if a user has changed other lines."""
        return f"-- record: {self.record.path}/{RECORD_FILE}"

    @property
    def switch_sentence(self) -> str:
        """The sentence of the switch."""
        return f"write the modulefile {self.modulefile}"

    def describe_replaced(self) -> tuple[str, ...]:
        """Return what happens to links in an environment that stackenv did not create."""
        names = [] if self.record.owned or self.record.kind != "venv" else list_replaced(self.record)
        return (describe_replacement(names),) if names else ()

    def carry_out(self, steps: Sequence[Step], dry_run: bool, complete: bool = True) -> Made:
        """Carry out `steps` and the switch, and return the result; with `complete`, also write the record.

        Raises
        ------
        UsageError
            If a base module has the name of the environment.
        StackenvError
            What the failing step raised, after the undo.
        """

        def switch() -> Switch:
            if complete:
                self.complete()
            return self.switch()

        require_loadable_name(self.record, self.context)
        sentences = (*(step.sentence for step in steps), *self.describe_replaced(), self.switch_sentence)
        if dry_run:
            return Made(sentences)
        look = Step(
            f"check that {self.record.full_name} is still free",
            self._require_free,
            (RemoveFolder(str(self.modulefile.parent)), *self.undo_folders()),
            f"{'Creating' if self.record.owned else 'Adopting'} {describe_based(self.record)}",
        )
        planned = Transaction(self.record.full_name, switch, (look, *steps, *self.plan_access()))
        with keeping_empty_folder(Path(self.record.path), self.context):
            carry_out(planned, self.context.journal)
        self.start_first()
        return describe_made(self.modulefile, self.context, sentences)


def require_own_name(record: Record) -> None:
    """Raise UsageError if a base module of `record` has its name: Lmod loads only one module of each name."""
    for module in record.stack:
        if (module.rpartition("/")[0] or module) == record.name:
            raise UsageError(
                f"{record.name} is also the name of its base module {module}: Lmod loads only one "
                "module of each name, so the environment could never be loaded; nothing was changed",
                f"choose another name, for example my-{record.name}",
            )


def print_modules_of_same_name(record: Record, context: Context) -> None:
    """Warn if another folder in MODULEPATH has a module with the name of `record`."""
    own = os.path.realpath(context.store.root)
    folders = context.environ.get("MODULEPATH", "").split(":")
    # Only one folder in each is listed: Lmod would search all of them, which takes seconds at a large site.
    same = list_modulefiles(record.name, [f for f in folders if f and os.path.realpath(f) != own])
    exact = "" if record.full_name in same else f"; `module load {record.full_name}` is unambiguous"
    if same:
        print_warning(
            f"a module of this name already exists: {', '.join(same)}; which one `module load "
            f"{record.name}` loads depends on the order of `module use`{exact}"
        )


def require_loadable_name(record: Record, context: Context) -> None:
    """Refuse the name of a base module of `record`; warn if any other module has the name.

    Raises
    ------
    UsageError
        If the module of the environment could never be loaded.
    """
    require_own_name(record)
    print_modules_of_same_name(record, context)


@contextlib.contextmanager
def keeping_empty_folder(path: Path, context: Context) -> Iterator[None]:
    """Within the block, keep `path` an empty folder on failure, if it was one before."""
    found = path.is_dir() and not any(path.iterdir())
    try:
        yield
    except BaseException:
        if found and not os.path.lexists(path):
            context.access.make_folder(path)
        raise


def describe_made(modulefile: Path, context: Context, steps: tuple[str, ...] = ()) -> Made:
    """Return the module of the file `modulefile`, and what to type to use it."""
    module = context.store.read(modulefile)
    assert module is not None
    several = sum(other.name == module.name for other in context.store.list_modules()) > 1
    typed = module.full_name if several else module.name
    folder = str(context.store.root)
    use, shells = type_load(folder, typed, context.environ), describe_shells(folder, context.environ)
    return Made(steps, module, module.read_record(), use, shells)


def describe_based(record: Record) -> str:
    """Return the name of `record` and its base modules, to be shown."""
    return f"{record.full_name} on {', '.join(record.modules)}" if record.modules else record.full_name


def describe_with_packages(record: Record) -> str:
    """Return the name of `record`, how many packages of its own it has, and its base modules."""
    number = format_count(len(record.packages), "package")
    name = f"{record.full_name} ({number})" if record.packages else record.full_name
    return f"{name} on {', '.join(record.modules)}" if record.modules else name


def describe_first_stubs(changes: Sequence[Change]) -> str:
    """Return a clause about the `changes` of stubs in an environment that gets its module."""
    written = {Path(change.path).parent for change in changes if isinstance(change, WriteFile)}
    folders = (Path(change.path) for change in changes if isinstance(change, RemoveFolder))
    removed = [folder for folder in folders if folder.parent.name == "site-packages"]
    shown = f"; show uv {format_count(len(written), 'package')} of the modules" if written else ""
    return shown + (f"; remove {format_count(len(removed), 'old stub')}" if removed else "")


def undo_files(paths: Iterable[str], prefix: str, mark: Path) -> tuple[Change, ...]:
    """Return the changes that restore what is at `paths`, below `prefix`, before they are written.

    `mark` is in the folder of stackenv's files, which is removed as a whole if it was not there.
    """
    folder = Path(prefix, FOLDER)
    changes: list[Change] = []
    for path in (*paths, f"{prefix}/{RECORD_FILE}"):
        text = read_text(Path(path))
        if Path(path).is_symlink():
            changes.append(WriteLink(path, str(Path(path).readlink())))
        elif text is not None:
            changes.append(WriteFile(path, text, os.access(path, os.X_OK)))
        # A pipe among stackenv's own files has no owner and is not restored.
        elif not os.path.lexists(path) and (not path.startswith(f"{folder}/") or folder.exists()):
            changes.append(RemoveFile(path))
    return (*changes, RemoveFile(str(mark)) if folder.exists() else RemoveTree(str(folder), str(mark)))
