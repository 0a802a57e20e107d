"""The plan of `stackenv create --conda`."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from stackenv.environments.context import Context
from stackenv.environments.places import check_place, choose_place, make_folder
from stackenv.environments.venv_install import proof_of
from stackenv.errors import InstallError
from stackenv.lifecycle.adopt_conda import (
    conda_module_steps,
    draft_conda_record,
    find_conda,
    load_conda_stack,
    tell_of_python_modules,
)
from stackenv.lifecycle.adoption import AdoptRequest
from stackenv.lifecycle.create import CreateRequest
from stackenv.lmod.bindings import Lmod
from stackenv.record import Record
from stackenv.transactions.plan import Plan, RemoveTree, Step


def conda_arguments(request: CreateRequest, prefix: Path, context: Context) -> list[str]:
    """Return what follows `conda`."""
    # A hard link into the user's own package cache would keep its owner's group and mode.
    copy = ["--copy"] if context.shared else []
    channels = [word for channel in request.channels for word in ("--channel", channel)]
    files = [word for file in request.requirements for word in ("--file", str(file.absolute()))]
    python = [f"python={request.python_version}"] if request.python_version else []
    return ["create", "--yes", "--prefix", str(prefix), *copy, *channels, *files, *python, *request.packages]


def install_with_conda(conda: str, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
    """Run conda; its words go to stderr.

    Raises
    ------
    InstallError
        When it fails.
    """
    # conda's own interpreter, isolated: a PYTHONPATH of modules breaks it (facts: poisoned PYTHONPATH).
    command = [str(Path(conda).parent / "python"), "-I", conda, *arguments]
    sys.stderr.flush()
    done = subprocess.run(
        command, env=dict(environ), stdin=subprocess.DEVNULL, stdout=sys.stderr.fileno(), check=False
    )
    if done.returncode:
        raise InstallError(
            f"conda could not make the environment (status {done.returncode}); what it says stands above",
            "correct that and type the same command again; nothing is left of this attempt",
        )


def plan_conda(request: CreateRequest, context: Context) -> tuple[Plan, Record]:
    """Return the plan that makes a conda environment with its module, and its record as far as known."""
    modulefile = context.store.require_free(request.name, request.version)
    prefix = check_place(
        request.path or choose_place(request.name, request.version, context, True), context, True
    )
    lmod = Lmod.find(context.environ)
    stack = load_conda_stack(request.modules, context, lmod)
    conda = find_conda(stack)
    tell_of_python_modules(lmod, context)
    adopted = AdoptRequest(
        prefix,
        request.name,
        version=request.version,
        user_site=request.user_site,
        description=request.description,
    )
    record = draft_conda_record(adopted, context, stack, owned=True)
    proof = proof_of(record.path, uuid.uuid4().hex)
    arguments = conda_arguments(request, prefix, context)
    steps = (
        Step(
            f"make the folder {prefix}",
            lambda: make_folder(prefix, Path(proof)),
            (RemoveTree(str(prefix), proof),),
        ),
        Step(f"conda {' '.join(arguments)}", lambda: install_with_conda(conda, arguments, stack.environ)),
        *conda_module_steps(record, context, modulefile, proof),
    )
    return Plan(record.full_name, steps, str(modulefile)), record
