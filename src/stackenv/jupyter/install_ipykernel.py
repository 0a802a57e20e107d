"""What to do about an environment without a usable ipykernel, and its installation by pip or conda."""

from __future__ import annotations

import shlex
from pathlib import Path

from stackenv.environments.context import Context
from stackenv.environments.install_failure import explain_failure
from stackenv.environments.installer import describe_pip_call, run_installer
from stackenv.environments.own_packages import read_owners
from stackenv.environments.venv_install import ELSEWHERE, constrained
from stackenv.environments.working import working_in
from stackenv.errors import InstallError, StackenvError
from stackenv.jupyter.ipykernel import IPyKernel, Start, probe_ipykernel
from stackenv.output import show_status
from stackenv.record import Record


def advise_again(record: Record) -> str:
    """Return the command that reinstalls the ipykernel of `record`, with conda if conda installed it."""
    if any(note["name"] == "ipykernel" for note in read_owners(Path(record.path)).by_conda):
        return f"ml {record.full_name}; conda install --force-reinstall ipykernel"
    return f"ml {record.full_name}; python -m pip install --force-reinstall ipykernel"


def describe_missing(record: Record, found: IPyKernel) -> StackenvError:
    """Return the error for an environment without a usable ipykernel."""
    if found.problem:
        return StackenvError(
            f"{record.full_name} has an ipykernel that cannot be imported: {found.problem}; nothing was "
            "changed",
            f"to see the error: stackenv run {record.full_name} -- python -c 'import ipykernel.kernelapp'; "
            f"to reinstall it: {advise_again(record)}",
        )
    return StackenvError(
        f"ipykernel, which Jupyter requires, is not installed in {record.full_name} or its base modules; "
        "nothing was changed",
        f"stackenv kernel add {record.full_name} --install",
    )


def install_ipykernel(record: Record, start: Start, context: Context) -> IPyKernel:
    """Install ipykernel into the environment of `record`, where commands begin with `start`; return it.

    Raises
    ------
    InstallError
        If that fails; pip or conda has printed the reason.
    """
    with working_in(context) as place:
        show_status(f"Installing ipykernel into {record.full_name}")
        if record.kind == "conda":
            install_with_conda(record, start, place)
        else:
            install_with_pip(record, start, place)
        place.access.share_tree(Path(record.path))
        found = probe_ipykernel(start, f"{record.path}/bin/python", place.environ)
    if not found.version:
        raise InstallError(
            f"ipykernel was installed into {record.path} but cannot be imported there: "
            f"{found.problem or 'not found'}; no kernel was added",
            f"stackenv run {record.full_name} -- python -c 'import ipykernel.kernelapp'",
        )
    return found


def install_with_pip(record: Record, start: Start, context: Context) -> None:
    """Install ipykernel with the environment's own pip, under its constraints."""
    python = f"{record.path}/bin/python"
    words = describe_pip_call(python, "install", "ipykernel")
    within = {name: value for name, value in context.environ.items() if name not in ELSEWHERE}
    status, said = run_installer(start(words), {**constrained(record, within), "PIP_USER": "0"})
    if status and "No module named pip" in said:
        raise InstallError(
            f"{record.full_name} has no pip; no kernel was added",
            f"ml {record.full_name}; python -m ensurepip; then run the same command again",
        )
    if status:
        raise explain_failure(record, ("ipykernel",), said, status)


def install_with_conda(record: Record, start: Start, context: Context) -> None:
    """Install ipykernel with the conda that the environment's module loads."""
    # conda's own interpreter, isolated, because a PYTHONPATH from modules would break it.
    conda = ("/bin/sh", "-c", 'exec "${CONDA_EXE%/*}/python" -I "$CONDA_EXE" "$@"', "conda")
    copy = ("--copy",) if context.shared else ()
    words = (*conda, "install", "--yes", "--freeze-installed", "--prefix", record.path)
    status, _ = run_installer(start((*words, *copy, "ipykernel")), context.environ)
    if status:
        raise InstallError(
            f"no kernel was added: conda could not install ipykernel into {record.path} without changing "
            f"other packages (exit status {status})",
            "to see what else it would change, and decide: "
            f"ml {record.full_name}; conda install --prefix {shlex.quote(record.path)} ipykernel; then "
            "run the same command again",
            is_output_above=True,
        )
