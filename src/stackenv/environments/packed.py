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
# In the image: by the first a mount is known as this environment's, the second is for people.
MARK, NOTE = f"{FOLDER}/packed-{{}}", f"{FOLDER}/packed.txt"
# conda shows what it cannot read in the first, before it changes anything, whichever way an environment was
# named to it; from 25.5 on (CEP 22) it shows the message in the second, for what needs no solver too.
CONDA_REFUSALS = ("conda-meta/pinned", "conda-meta/frozen")
# Read where the environment is not mounted: by stackenv, pip, the shells, and by conda.
KEPT = ("pyvenv.cfg", "pip.conf", "etc/conda", "conda-meta")
UNMOUNTED = "the image is not mounted, so no command of the environment starts"
UNREFUSED = "conda does not say that the environment is packed, and may fail halfway through a change"
UNLISTED = "`stackenv export` prints neither requirements nor an environment.yml"
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
    """Return those of the `files` of `record` that lie beside the image; the others are in it alone."""
    beside = tuple(f"{record.path}/{name}" for name in (FOLDER, UV, *KEPT))
    return tuple(f for f in files if f.path in beside or f.path.startswith(tuple(f"{b}/" for b in beside)))


def describe_contents(record: Record) -> tuple[InstalledFile, ...]:
    """Return the files that say what is in the image of `record`; their text takes a look into that."""
    if record.packed is None:
        return ()
    return tuple(InstalledFile(f"{record.path}/{n}", loss=UNLISTED) for n in (REQUIREMENTS, ENVIRONMENT))


def describe_refusals(record: Record) -> tuple[InstalledFile, ...]:
    """Return the files at which conda stops, and that show why and what to type."""
    if record.kind == "venv":
        return ()
    refusal = (
        f"the environment {record.full_name} is packed and cannot be changed; type first: stackenv unpack "
        f"{record.full_name}"
    )
    texts = (f"{refusal}\n", json.dumps({"message": refusal}) + "\n")
    return tuple(
        InstalledFile(f"{record.path}/{name}", text=text, loss=UNREFUSED)
        for name, text in zip(CONDA_REFUSALS, texts)
    )
