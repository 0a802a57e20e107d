"""Check whether this user can use an image on this node, by mounting a small one as a load would do."""

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
# The text that `packed` and enter_namespace.py print after the reason; it speaks of an image that exists.
BEHIND_REASON = re.compile(r", so the image cannot be mounted|; hint:")


def require_mountable(record: Record, way: str, mounts: str, environ: Mapping[str, str]) -> None:
    """Raise ModuleError if an image of `record` could not be used here; leave nothing behind.

    Parameters
    ----------
    way, mounts
        As in `PackedImage`.
    environ
        The user's variables, which show to which job or session a mount belongs.
    """
    identity = uuid.uuid4().hex
    folders: list[Path] = []
    entrance = ""
    try:
        # Use the folder of temporary files, where the next command removes what a killed one has left.
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
    """Make a packed environment at the path of `record` that contains only the files that identify it."""
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
    """Mount an image with its script `entrance`; return the error message, empty if that works."""
    try:
        status, said = run_script(entrance, "mount", environ)
    except subprocess.TimeoutExpired as error:
        return explain(error)
    return (" ".join(said.split()) or f"status {status}") if status else ""


def unmount_trial(entrance: str, mounts: Path, identity: str, environ: Mapping[str, str]) -> None:
    """Unmount what the script `entrance` has mounted in `mounts`, even if the script does not know of it."""
    # If the script hangs, `remove_trial` unmounts without it.
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        run_script(entrance, "unmount", environ)
    wait_for_holder(mounts, identity)


def run_script(entrance: str, word: str, environ: Mapping[str, str]) -> tuple[int, str]:
    """Return the status of the script `entrance` and its error output; end it if it takes too long.

    Raises
    ------
    subprocess.TimeoutExpired
        If it takes too long.
    """
    # Start it with /bin/sh: the folder of temporary files, unlike a real environment's, can be mounted
    # noexec.
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
            # The script waits for a child, which would go on running and keep the pipe open.
            stop_descendants(GRACE_S)
            raise
    return process.returncode, os.fsdecode(said)


def remove_trial(folder: Path) -> None:
    """Remove `folder`; if something stays mounted in it, leave both and print how to remove them."""
    for place in remove_folder(folder):
        print_message(
            f"{place} could not be unmounted and is left behind; to remove it: "
            f"fusermount3 -u -z {quote_word(place)} && rm -r {quote_word(folder)}"
        )


def wait_for_holder(mounts: Path, identity: str) -> None:
    """Wait until the process beside squashfuse has noticed that its namespace is no longer used."""
    until = time.monotonic() + TIMEOUT_S
    while list(mounts.glob(f"*/*/{identity}.holder")) and time.monotonic() < until:
        time.sleep(LOOK_EVERY_S)
