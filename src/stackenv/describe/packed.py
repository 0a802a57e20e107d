"""What leads into an environment that is packed into one file, and what tells of which one it is."""

from __future__ import annotations

import sys

from stackenv import STACKENV_UUID
from stackenv.model import InstalledFile
from stackenv.model.environment import Record
from stackenv.model.record import FOLDER

IMAGE = f"{FOLDER}/environment.squashfs"
ENTRANCE = f"{FOLDER}/packed"
ENTER = f"{FOLDER}/enter_namespace.py"
# In the image: by the first a mount is known as this environment's, the second is for people.
MARK, NOTE = f"{FOLDER}/packed-{{}}", f"{FOLDER}/packed.txt"
# uv shows the line of a constraints file that it cannot read, before it does anything.
UV_REFUSAL = f"{FOLDER}/uv-refusal.txt"
# Written beside the image, since nothing in it can be read where it is not mounted.
REQUIREMENTS, ENVIRONMENT = f"{FOLDER}/requirements.txt", f"{FOLDER}/environment.yml"


def describe_marks(record: Record, identity: str) -> tuple[InstalledFile, ...]:
    """Return the files that tell of an image which environment it is of."""
    note = f"{record.full_name}, {record.path}\n{STACKENV_UUID}\n"
    return (
        InstalledFile(f"{record.path}/{MARK.format(identity)}", text=f"{STACKENV_UUID}\n"),
        InstalledFile(f"{record.path}/{NOTE}", text=note),
    )


def describe_entrance(record: Record) -> tuple[InstalledFile, ...]:
    """Return the scripts by which the commands of the packed environment of `record` are run."""
    assert record.packed is not None
    values = {
        "NAME": record.full_name,
        "PREFIX": record.path,
        "IMAGE": record.packed.identity,
        "SIZE": str(record.packed.size_bytes),
        "DIGEST": record.packed.sha256,
        "MOUNTS": record.packed.mounts,
        "WAY": record.packed.way,
        "PYTHON": sys.executable,
    }
    refusal = f"{record.full_name} is packed and cannot be changed; type first: stackenv unpack "
    return (
        InstalledFile(f"{record.path}/{UV_REFUSAL}", text=f"the environment {refusal}{record.full_name}\n"),
        InstalledFile(f"{record.path}/{ENTRANCE}", "libexec/packed", values=values, executable=True),
        InstalledFile(
            f"{record.path}/{ENTER}",
            "libexec/enter_namespace.py",
            dialect="python",
            values={},
        ),
    )
