"""How a conda environment is made anew: conda's packages, then what pip had put beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stackenv.conda.environments import read_packages
from stackenv.environments.own_packages import read_site_packages
from stackenv.environments.places import make_folder
from stackenv.lifecycle.adopt_conda import capture_steps, find_conda, find_python
from stackenv.lifecycle.conda_update import choose_channels
from stackenv.lifecycle.requirements import ask_unavailable, install_with_conda, install_with_pip
from stackenv.record import RECORD_FILE, Package, Record, write_record_text
from stackenv.transactions.files import write_file
from stackenv.transactions.plan import RemoveTree, Step

if TYPE_CHECKING:
    from stackenv.lifecycle.rebuild import Rebuilding


def conda_rebuild_steps(rebuilding: Rebuilding) -> tuple[Step, ...]:
    """Return the steps that make the new conda environment with its packages, activation and record."""
    record, proof, contents = rebuilding.record, rebuilding.proof, rebuilding.contents
    captured: list[Record] = []

    def finish() -> None:
        rebuilding.record = replace(captured[0], replaces=record.replaces)
        write_file(Path(record.path, RECORD_FILE), write_record_text(rebuilding.record))

    by_pip = Step(
        f"install with pip: {' '.join(w.name for w in contents.pip if not w.why)}",
        lambda: install_pips(rebuilding),
    )
    return (
        Step(
            f"make the folder {record.path}",
            lambda: make_folder(Path(record.path), Path(proof)),
            (RemoveTree(record.path, proof),),
        ),
        Step(
            f"install with conda: {' '.join(w.name for w in contents.conda) or 'nothing'}",
            lambda: install_condas(rebuilding),
        ),
        *([by_pip] if contents.pip else []),
        *capture_steps(record, rebuilding.context, proof, captured),
        Step(f"write the record in {record.path}", finish),
    )


def install_condas(rebuilding: Rebuilding) -> None:
    """Install the packages of conda's."""
    from stackenv.lifecycle.create_conda import install_with_conda as run_aloud

    record, stack, contents = rebuilding.record, rebuilding.stack, rebuilding.contents
    conda = find_conda(stack)

    def call(verb: str, *packages: str) -> None:
        # A second `create` would delete what is there, stackenv's proof with it.
        begun = Path(record.path, "conda-meta/history").exists()
        run_aloud(conda, describe_call("install" if begun else verb, rebuilding, packages), stack.environ)

    def find_unavailable(*packages: str) -> set[str] | None:
        return ask_unavailable(conda, describe_call("create", rebuilding, packages), stack.environ)

    install_with_conda(call, find_unavailable, contents.conda, rebuilding.outcome)
    rebuilding.outcome.settle(contents.conda, read_packages(Path(record.path)))


def describe_call(verb: str, rebuilding: Rebuilding, packages: Sequence[str]) -> list[str]:
    """Return what follows `conda`."""
    # A hard link into the user's own package cache would keep its owner's group and mode.
    copy = ["--copy"] if rebuilding.context.shared else []
    channels = [w for c in choose_channels(rebuilding.contents.channels) for w in ("--channel", c)]
    return [verb, "--yes", "--prefix", rebuilding.record.path, *copy, *channels, *packages]


def install_pips(rebuilding: Rebuilding) -> None:
    """Install what pip had put into the environment."""
    record, outcome, wanted = rebuilding.record, rebuilding.outcome, rebuilding.contents.pip
    prefix = Path(record.path)
    python = find_python(prefix)
    if python is None:
        for package in wanted:
            outcome.miss(package, "there is no Python in the new environment")
        return
    reports = Path(rebuilding.context.environ["TMPDIR"], "reports")
    subject = replace(record, kind="venv", python=python, pinned=())
    environ = describe_inside(record, rebuilding.stack.environ)
    install_with_pip(subject, wanted, environ, reports, outcome, rebuilding.isolated)
    now = [Package(d.metadata["Name"], d.version) for d in read_site_packages(prefix)]
    outcome.settle(wanted, now)


def describe_inside(record: Record, environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` for the pip of the conda environment of `record`, as activated."""
    outside = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    inside = {name: value for name, value in environ.items() if name not in outside}
    inside.update(
        PATH=f"{record.path}/bin:{environ.get('PATH', '/usr/bin:/bin')}",
        CONDA_PREFIX=record.path,
        # A guard against installs into the OS Python does not know conda's for an environment.
        PIP_REQUIRE_VIRTUALENV="0",
    )
    # What is in ~/.local would count as installed.
    return inside if record.user_site else {**inside, "PYTHONNOUSERSITE": "1"}
