"""`stackenv export`: an environment as text: the whole record, or a file for pip, conda or uv."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from stackenv.environments.context import Context
from stackenv.environments.exported_files import (
    render_environment,
    render_requirements,
    render_uv,
    render_yaml,
)
from stackenv.environments.own_packages import read_own_packages
from stackenv.environments.packed import ENVIRONMENT, REQUIREMENTS
from stackenv.errors import StackenvError
from stackenv.lifecycle.requirements import read_contents
from stackenv.plain_files import read_file_text
from stackenv.record import Record, hide_credentials, write_record_text

# Written when the environment was packed, because the image cannot be read without a mount.
PACKED_FORMATS = {"requirements": REQUIREMENTS, "environment": ENVIRONMENT}


def export_environment(name: str, form: str, context: Context) -> str:
    """Return a description of the environment of the module `name`, in the format `form`."""
    record = context.store.find(name, default=True).read_record()
    if record.packed and form in PACKED_FORMATS:
        return read_file_text(Path(record.path, PACKED_FORMATS[form]))
    return render(form, record, context)


def render(form: str, record: Record, context: Context) -> str:
    """Return a description of the environment of `record`, in the format `form`, from its files."""
    if form == "requirements":
        return render_requirements(record)
    if form == "environment":
        return render_environment(record, context)
    if form == "uv":
        return render_uv(require_held(record))
    return render_record(record)


def require_held(record: Record) -> Record:
    """Return `record`.

    Raises
    ------
    StackenvError
        If it pins nothing: an empty list in a project would silently pin nothing.
    """
    if record.pinned:
        return record
    raise StackenvError(
        f"{record.full_name} has no packages of modules to pin",
        "an environment pins the packages of its modules: stackenv create NAME -m MODULE",
    )


def render_record(record: Record) -> str:
    """Return the record with the present packages, and with what else is needed to rebuild the environment.

    `requirements` are for pip: packages that are in no index, and those in a conda environment. `channels`
    are those of conda's packages.
    """
    # What was found about the modules here, and what this site has set, does not apply elsewhere.
    carry_off, stubs_off = (by if by == "user" else "" for by in (record.carry_off, record.stubs_off))
    own = replace(record, packages=read_own_packages(record), carried=None, stubs=())
    current = replace(own, carry_off=carry_off, stubs_off=stubs_off)
    data = json.loads(write_record_text(current))
    contents = read_contents(record)
    lines = [wanted.line for wanted in contents.pip if not wanted.why]
    special = [line for line in lines if record.kind == "conda" or " @ " in line]
    for name, found in (("requirements", special), ("channels", list(contents.channels))):
        if found:
            data[name] = list(map(hide_credentials, found))
    return render_yaml(data)
