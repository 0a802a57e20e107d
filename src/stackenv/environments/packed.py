"""The scripts of a packed environment, and the files that identify its image."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable

from stackenv import STACKENV_UUID
from stackenv.environments.constraints import UV
from stackenv.modulefile import InstalledFile
from stackenv.record import FOLDER, Record

IMAGE = f"{FOLDER}/environment.squashfs"
ENTRANCE = f"{FOLDER}/packed"
MOUNT, ENTER = f"{FOLDER}/mount_image", f"{FOLDER}/enter_namespace.py"
# Files in the image: the first shows stackenv whose image is mounted, the second shows it to people.
MARK, NOTE = f"{FOLDER}/packed-{{}}", f"{FOLDER}/packed.txt"
# conda stops at the first file before it changes anything, because it cannot read it, and shows its contents.
# From 25.5 on (CEP 22), it shows the message in the second file, also for commands that need no solver.
CONDA_REFUSALS = ("conda-meta/pinned", "conda-meta/frozen")
# Files that stackenv, pip, shells and conda read even if the image is not mounted.
KEPT = ("pyvenv.cfg", "pip.conf", "etc/conda", "conda-meta")
UNMOUNTED = "the image is not mounted, so no command of the environment starts"
UNREFUSED = "conda does not say that the environment is packed, and may fail halfway through a change"
UNLISTED = "`stackenv export` prints neither requirements nor an environment.yml"
# Written beside the image, because nothing in the image can be read until it is mounted.
REQUIREMENTS, ENVIRONMENT = f"{FOLDER}/requirements.txt", f"{FOLDER}/environment.yml"


def describe_marks(record: Record, identity: str) -> tuple[InstalledFile, ...]:
    """Return the files in an image that show to which environment it belongs."""
    note = f"{record.full_name}, {record.path}\n{STACKENV_UUID}\n"
    return (
        InstalledFile(f"{record.path}/{MARK.format(identity)}", text=f"{STACKENV_UUID}\n"),
        InstalledFile(f"{record.path}/{NOTE}", text=note),
    )


def describe_entrance(record: Record) -> tuple[InstalledFile, ...]:
    """Return the scripts that run the commands of the packed environment of `record`."""
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
    return (
        *describe_refusals(record),
        InstalledFile(
            f"{record.path}/{ENTRANCE}", "libexec/packed", values=values, executable=True, loss=UNMOUNTED
        ),
        InstalledFile(f"{record.path}/{MOUNT}", "libexec/mount_image", values={}, loss=UNMOUNTED),
        InstalledFile(
            f"{record.path}/{ENTER}",
            "libexec/enter_namespace.py",
            dialect="python",
            values={},
            loss=UNMOUNTED,
        ),
    )


def list_beside(files: Iterable[InstalledFile], record: Record) -> tuple[InstalledFile, ...]:
    """Return those of the `files` of `record` that are beside the image, not only in it."""
    beside = tuple(f"{record.path}/{name}" for name in (FOLDER, UV, *KEPT))
    return tuple(f for f in files if f.path in beside or f.path.startswith(tuple(f"{b}/" for b in beside)))


def describe_contents(record: Record) -> tuple[InstalledFile, ...]:
    """Return the files that list the contents of the image of `record`, without their text.

    The text can only be written when the image is mounted.
    """
    if record.packed is None:
        return ()
    return tuple(InstalledFile(f"{record.path}/{n}", loss=UNLISTED) for n in (REQUIREMENTS, ENVIRONMENT))


def describe_refusals(record: Record) -> tuple[InstalledFile, ...]:
    """Return the files that make conda refuse to change the environment, with the reason and a hint."""
    if record.kind == "venv":
        return ()
    refusal = (
        f"the environment {record.full_name} is packed and cannot be changed; first run: stackenv unpack "
        f"{record.full_name}"
    )
    texts = (f"{refusal}\n", json.dumps({"message": refusal}) + "\n")
    return tuple(
        InstalledFile(f"{record.path}/{name}", text=text, loss=UNREFUSED)
        for name, text in zip(CONDA_REFUSALS, texts)
    )
