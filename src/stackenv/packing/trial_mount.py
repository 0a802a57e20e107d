"""Whether an image can be used on this node by this user: a small one is mounted as a load would do it."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from stackenv.environments.packed import ENTRANCE, IMAGE, describe_entrance, describe_marks
from stackenv.errors import ModuleError, explain, quote_word
from stackenv.output import print_message
from stackenv.packing.beside_image import write_relocated
from stackenv.packing.image import describe_image
from stackenv.packing.squashfs import make_image
from stackenv.record import FOLDER, Record
from stackenv.transactions.interruption import stop_descendants
from stackenv.transactions.mounts import remove_folder
from stackenv.transactions.scratch import make_folder

TIMEOUT_S = 60
GRACE_S = 2
LOOK_EVERY_S = 0.05
# What `packed` and enter_namespace.py say behind the reason, of an image that there is.
BEHIND_REASON = re.compile(r", so the image cannot be mounted|; hint:")


def require_mountable(record: Record, way: str, mounts: str, environ: Mapping[str, str]) -> None:
    """Raise ModuleError when an image of `record` could not be used here; leave nothing behind.

    Parameters
    ----------
    way, mounts
        As those of `PackedImage`.
    environ
        The user's variables: they tell the job or the session to which a mount belongs.
    """
    identity = uuid.uuid4().hex
    folders: list[Path] = []
    entrance = ""
    try:
        # Where temporary files are the next command removes what a killed one has left.
        for top in (None, Path(mounts)):
            folders.append(make_folder(top).resolve())
        prefix = folders[0] / "environment"
        make_trial(replace(record, path=str(prefix)), identity, way, str(folders[1]))
        entrance = f"{prefix}/{ENTRANCE}"
        said = try_mount(entrance, environ)
    except OSError as error:
        said = explain(error)
    finally:
        if entrance:
            unmount_trial(entrance, folders[1], identity, environ)
        for folder in folders:
            remove_trial(folder)
    if said:
        reason = BEHIND_REASON.split(said.removeprefix(f"stackenv: {record.full_name}: "))[0]
        raise ModuleError(
            f"after packing, {record.full_name} could not be loaded on {os.uname().nodename}: {reason}; "
            "nothing was changed",
            "pack it on a node where you can use squashfuse, fusermount3 and /dev/fuse, or ask your site's "
            "support for them; to check: ls -l /dev/fuse; command -v squashfuse fusermount3",
        )


def make_trial(record: Record, identity: str, way: str, mounts: str) -> None:
    """Make a packed environment at the path of `record` that holds nothing but what tells which one it is."""
    prefix = Path(record.path)
    content, image = prefix.with_name("content"), prefix / IMAGE
    for folder in (content / FOLDER, image.parent):
        folder.mkdir(parents=True)
    write_relocated(describe_marks(record, identity), record, content)
    make_image(content, image)
    packed = replace(record, packed=describe_image(image, identity, way, mounts, 0, ""))
    for file in describe_entrance(packed):
        if Path(file.path).parent.name == FOLDER:
            write_relocated((file,), packed, prefix)


def try_mount(entrance: str, environ: Mapping[str, str]) -> str:
    """Mount an image by its script `entrance`; return what is said when that fails."""
    try:
        status, said = run_script(entrance, "mount", environ)
    except subprocess.TimeoutExpired as error:
        return explain(error)
    return (" ".join(said.split()) or f"status {status}") if status else ""


def unmount_trial(entrance: str, mounts: Path, identity: str, environ: Mapping[str, str]) -> None:
    """Unmount what the script `entrance` has mounted in `mounts`, whether it knows of that or not."""
    # What hangs is taken away without it.
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        run_script(entrance, "unmount", environ)
    wait_for_holder(mounts, identity)


def run_script(entrance: str, word: str, environ: Mapping[str, str]) -> tuple[int, str]:
    """Return the status of the script `entrance`, and what it says; end it when that takes too long.

    Raises
    ------
    subprocess.TimeoutExpired
        When it does.
    """
    # The environment's own folder lets programs start; that of temporary files can be mounted noexec.
    with subprocess.Popen(
        ["/bin/sh", entrance, word],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            _, said = process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            # What it waits for is its child, which would stay, and keep its pipe open.
            stop_descendants(GRACE_S)
            raise
    return process.returncode, os.fsdecode(said)


def remove_trial(folder: Path) -> None:
    """Remove `folder`; where something stays mounted in it, leave both and say how to remove them."""
    for place in remove_folder(folder):
        print_message(
            f"{place} could not be unmounted and is left behind; to remove it: "
            f"fusermount3 -u -z {quote_word(place)} && rm -r {quote_word(folder)}"
        )


def wait_for_holder(mounts: Path, identity: str) -> None:
    """Wait until what stays beside squashfuse in a namespace has seen that nobody is there any more."""
    until = time.monotonic() + TIMEOUT_S
    while list(mounts.glob(f"*/*/{identity}.holder")) and time.monotonic() < until:
        time.sleep(LOOK_EVERY_S)
