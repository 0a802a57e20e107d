"""`stackenv kernel add`: check the environment first, then write the kernelspec."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stackenv.environments.context import Context
from stackenv.environments.launch import describe_launch, describe_launch_file
from stackenv.environments.module_update import read_own_record, require_unpacked
from stackenv.environments.store import StoredModule
from stackenv.errors import StackenvError
from stackenv.jupyter.install_ipykernel import describe_missing, install_ipykernel
from stackenv.jupyter.ipykernel import IPyKernel, probe_ipykernel
from stackenv.jupyter.kernels import StoredKernel, choose_folder, read_kernel, write_kernel
from stackenv.jupyter.kernelspec import (
    check_display_name,
    describe_kernelspec,
    keep_own,
    mark_kernelspec,
    name_for_people,
)
from stackenv.lmod.bindings import find_lmod
from stackenv.modulefile.text import render_installed_file
from stackenv.output import print_message
from stackenv.record import Record
from stackenv.transactions.files import write_file
from stackenv.transactions.transaction import read_text


@dataclass(frozen=True)
class KernelRequest:
    """The arguments of `stackenv kernel add`."""

    name: str
    display_name: str | None
    install: bool

    def check(self) -> None:
        """Raise UsageError for invalid arguments."""
        if self.display_name is not None:
            check_display_name(self.display_name)


@dataclass(frozen=True)
class PlannedKernel:
    """A kernel that can be added; `folder` is that of the kernelspec, `before` its current contents."""

    module: StoredModule
    record: Record
    lmod: str
    folder: Path
    display_name: str
    named_by_user: bool
    before: StoredKernel | None
    ipykernel: IPyKernel

    @property
    def sentences(self) -> tuple[str, ...]:
        how = "conda" if self.record.kind == "conda" else "pip"
        install = f"install ipykernel with {how} into {self.record.path}"
        return (
            *(() if self.ipykernel.version else (install,)),
            f"write the Jupyter kernel {self.display_name!r}: {self.folder}",
        )

    def start(self, words: Sequence[str]) -> tuple[str, ...]:
        """Return the command that starts `words` in the same way as the kernel."""
        modulefile = f"{self.record.module_folder}/{self.record.full_name}.lua"
        modulepath = f"{self.record.module_folder}:{self.record.modulepath}"
        return describe_launch(self.lmod, self.record.full_name, modulefile, modulepath, words, afresh=True)


@dataclass(frozen=True)
class AddedKernel:
    """A kernel that is ready to use.

    Parameters
    ----------
    name
        The kernel's name, as `jupyter kernelspec list` shows it.
    display_name
        Its name in Jupyter.
    module, environment
        The full name of its module, and the folder of its environment.
    path
        The folder of its kernelspec.
    ipykernel_version
        The version of ipykernel that it starts.
    """

    name: str
    display_name: str
    module: str
    environment: str
    path: str
    ipykernel_version: str


def plan_kernel(request: KernelRequest, context: Context) -> PlannedKernel:
    """Return the kernel that `request` describes.

    Raises
    ------
    StackenvError
        If it is impossible: no Python, a module that does not load, or no ipykernel without --install.
    """
    module = context.store.find(request.name, default=True)
    record = read_own_record(module)
    require_python(record)
    folder = choose_folder(record, context.environ)
    before = read_kernel(folder)
    chosen = request.display_name or (before.display_name if before and before.named_by_user else None)
    planned = PlannedKernel(
        module,
        record,
        find_lmod(context.environ),
        folder,
        chosen or name_for_people(record, context.shared),
        chosen is not None,
        before,
        IPyKernel(),
    )
    # Reports an invalid path before anything is installed.
    describe_kernelspec(record, planned.display_name, planned.lmod, {})
    found = probe_ipykernel(planned.start, f"{record.path}/bin/python", context.environ)
    if found.problem or (not found.version and not request.install):
        raise describe_missing(record, found)
    if not found.version:
        require_unpacked(record)
    return replace(planned, ipykernel=found)


def require_python(record: Record) -> None:
    """Raise StackenvError if the environment of `record` has no Python."""
    python = Path(record.path, "bin/python")
    if python.exists():
        return
    if record.kind == "conda":
        raise StackenvError(
            f"{record.full_name} is a conda environment without Python, which stackenv's kernels require for "
            "ipykernel; nothing was changed",
            f"ml {record.full_name}; conda install --prefix {shlex.quote(record.path)} python ipykernel; "
            "then run the same command again; for other languages, use their own kernels",
        )
    raise StackenvError(
        f"{python} does not exist, or links to a Python that no longer exists; nothing was changed",
        f"`stackenv info {record.full_name}` shows which module it came from",
    )


def add_kernel(request: KernelRequest, context: Context) -> AddedKernel:
    """Add the kernel that `request` describes."""
    planned = plan_kernel(request, context)
    found = planned.ipykernel
    if not found.version:
        print_message(planned.sentences[0])
        found = install_ipykernel(planned.record, planned.start, context)
    contents = describe_kernelspec(planned.record, planned.display_name, planned.lmod, found.own or {})
    if planned.before:
        contents = keep_own(contents, planned.before.contents)
    for sentence in planned.sentences[-1:]:
        print_message(sentence)
    with context.access.applied():
        write_launch_file(planned.record)
    write_kernel(planned.folder, mark_kernelspec(contents, planned.folder.name, planned.named_by_user))
    return AddedKernel(
        name=planned.folder.name,
        display_name=contents["display_name"],
        module=planned.record.full_name,
        environment=planned.record.path,
        path=str(planned.folder),
        ipykernel_version=found.version,
    )


def write_launch_file(record: Record) -> None:
    """Update the program that starts commands in the environment of `record`.

    In another user's environment it is left unchanged: every stackenv that created one has written it.
    """
    file = describe_launch_file(record)
    path, text = Path(file.path), render_installed_file(file)
    before = read_text(path)
    if before == text:
        return
    try:
        write_file(path, text, file.executable)
    except StackenvError:
        if before is None:
            raise
