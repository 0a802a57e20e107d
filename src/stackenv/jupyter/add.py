"""How `stackenv kernel add` makes a kernelspec, and what it asks the environment before."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stackenv.environments.context import Context
from stackenv.environments.launch import describe_launch, describe_launch_file
from stackenv.environments.module_update import read_own_record, require_unpacked
from stackenv.environments.store import StoredModule
from stackenv.errors import InstallError, StackenvError
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
from stackenv.output import tell
from stackenv.record import Record


@dataclass(frozen=True)
class KernelRequest:
    """What was typed behind `stackenv kernel add`."""

    name: str
    display_name: str | None
    install: bool

    def check(self) -> None:
        """Raise UsageError for what cannot be meant."""
        if self.display_name is not None:
            check_display_name(self.display_name)


@dataclass(frozen=True)
class PlannedKernel:
    """A kernel that can be made; `folder` is the kernelspec's, `before` what is in it already."""

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
        """Return the words that start `words` as the kernel is started."""
        modulefile = f"{self.record.module_folder}/{self.record.full_name}.lua"
        modulepath = f"{self.record.module_folder}:{self.record.modulepath}"
        return describe_launch(self.lmod, self.record.full_name, modulefile, modulepath, words, afresh=True)


@dataclass(frozen=True)
class AddedKernel:
    """A kernel that is ready: its name and folder, what it runs in, and the version of its ipykernel."""

    kernel: str
    display_name: str
    module: str
    environment: str
    folder: str
    ipykernel: str


def plan_kernel(request: KernelRequest, context: Context) -> PlannedKernel:
    """Return the kernel that `request` asks for.

    Raises
    ------
    StackenvError
        When there can be none: no Python, a module that does not load, no ipykernel and no --install.
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
    # What is wrong with the path, before anything is installed.
    describe_kernelspec(record, planned.display_name, planned.lmod, {})
    found = probe_ipykernel(planned.start, f"{record.path}/bin/python", context.environ)
    if found.problem or (not found.version and not request.install):
        raise refuse_without(record, found)
    if not found.version:
        require_unpacked(record)
    return replace(planned, ipykernel=found)


def require_python(record: Record) -> None:
    """Raise StackenvError when the environment of `record` has no Python."""
    python = Path(record.path, "bin/python")
    if python.exists():
        return
    if record.kind == "conda":
        raise StackenvError(
            f"{record.full_name} is a conda environment without Python: a kernel of stackenv's is one of "
            "ipykernel, which is written in Python; nothing was changed",
            f"ml {record.full_name}; conda install --prefix {shlex.quote(record.path)} python ipykernel; "
            "then the same again; other languages have kernels, and installers, of their own",
        )
    raise StackenvError(
        f"{python} does not exist, or leads to a Python that is gone; nothing was changed",
        f"stackenv info {record.full_name} shows which module it was of",
    )


def advise_again(record: Record) -> str:
    """Return what installs the ipykernel of the environment of `record` again: by conda if it is conda's."""
    from stackenv.environments.own_packages import read_owners

    if any(note["name"] == "ipykernel" for note in read_owners(Path(record.path)).by_conda):
        return f"ml {record.full_name}; conda install --force-reinstall ipykernel"
    return f"ml {record.full_name}; python -m pip install --force-reinstall ipykernel"


def refuse_without(record: Record, found: IPyKernel) -> StackenvError:
    """Return the error for an environment whose ipykernel cannot be used."""
    if found.problem:
        return StackenvError(
            f"{record.full_name} has an ipykernel that cannot be imported: {found.problem}; nothing was "
            "changed",
            f"see what is wrong: stackenv run {record.full_name} -- python -c 'import ipykernel.kernelapp'; "
            f"install it again: {advise_again(record)}",
        )
    return StackenvError(
        f"there is no ipykernel in {record.full_name}, nor in the modules that it stands on, and Jupyter "
        "needs it; nothing was changed",
        f"stackenv kernel add {record.full_name} --install",
    )


def add_kernel(request: KernelRequest, context: Context) -> AddedKernel:
    """Make the kernel that `request` asks for."""
    planned = plan_kernel(request, context)
    found = planned.ipykernel
    if not found.version:
        found = install(planned, context)
    contents = describe_kernelspec(planned.record, planned.display_name, planned.lmod, found.own or {})
    if planned.before:
        contents = keep_own(contents, planned.before.contents)
    for sentence in planned.sentences[-1:]:
        tell(sentence)
    with context.access.applied():
        write_launch_file(planned.record)
    write_kernel(planned.folder, mark_kernelspec(contents, planned.folder.name, planned.named_by_user))
    return AddedKernel(
        kernel=planned.folder.name,
        display_name=contents["display_name"],
        module=planned.record.full_name,
        environment=planned.record.path,
        folder=str(planned.folder),
        ipykernel=found.version,
    )


def write_launch_file(record: Record) -> None:
    """Bring the program that starts commands in the environment of `record` up to date.

    In another's environment it stays as it is: each stackenv that made one has written it.
    """
    from stackenv.modulefile.text import render_installed_file
    from stackenv.transactions.carry_out import read_text
    from stackenv.transactions.files import write_file

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


def install(planned: PlannedKernel, context: Context) -> IPyKernel:
    """Install ipykernel into the environment, and return it.

    Raises
    ------
    InstallError
        When that fails; what pip or conda say stands above.
    """
    from stackenv.environments.run_plan import making

    tell(planned.sentences[0])
    with making(context) as place:
        if planned.record.kind == "conda":
            install_with_conda(planned, place)
        else:
            install_with_pip(planned, place)
        place.access.give_tree(Path(planned.record.path))
        found = probe_ipykernel(planned.start, f"{planned.record.path}/bin/python", place.environ)
    if not found.version:
        raise InstallError(
            f"ipykernel was installed into {planned.record.path}, and cannot be imported there: "
            f"{found.problem or 'it is not found'}; no kernel was made",
            f"stackenv run {planned.record.full_name} -- python -c 'import ipykernel.kernelapp'",
        )
    return found


def install_with_pip(planned: PlannedKernel, context: Context) -> None:
    """Have the environment's own pip install ipykernel, under its constraints."""
    from stackenv.environments.venv_install import ELSEWHERE, constrained, explain_failure, run_aloud

    python = f"{planned.record.path}/bin/python"
    words = (python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "ipykernel")
    within = {name: value for name, value in context.environ.items() if name not in ELSEWHERE}
    status, said = run_aloud(planned.start(words), {**constrained(planned.record, within), "PIP_USER": "0"})
    if status and "No module named pip" in said:
        raise InstallError(
            f"{planned.record.full_name} has no pip; no kernel was made",
            f"ml {planned.record.full_name}; python -m ensurepip; then the same again",
        )
    if status:
        raise explain_failure(planned.record, ("ipykernel",), said, status)


def install_with_conda(planned: PlannedKernel, context: Context) -> None:
    """Have the conda that the environment's module loads install ipykernel."""
    from stackenv.environments.venv_install import run_aloud

    # conda's own interpreter, isolated: a PYTHONPATH of modules breaks it (facts: poisoned PYTHONPATH).
    conda = ("/bin/sh", "-c", 'exec "${CONDA_EXE%/*}/python" -I "$CONDA_EXE" "$@"', "conda")
    copy = ("--copy",) if context.shared else ()
    words = (*conda, "install", "--yes", "--freeze-installed", "--prefix", planned.record.path)
    status, _ = run_aloud(planned.start((*words, *copy, "ipykernel")), context.environ)
    if status:
        raise InstallError(
            f"conda could not install ipykernel into {planned.record.path} and leave the rest as it is "
            f"(status {status}); what it says stands above; no kernel was made",
            f"ml {planned.record.full_name}; conda install --prefix {shlex.quote(planned.record.path)} "
            "ipykernel, which shows what else it would change, and asks; then the same again",
        )
