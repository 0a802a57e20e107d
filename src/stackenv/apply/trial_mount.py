"""Whether an image can be used on this node by this user: a small one is mounted as a load would do it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from stackenv.apply.packing import describe_image, write_files
from stackenv.apply.scratch import make_folder
from stackenv.apply.squashfs import make_image
from stackenv.describe.packed import ENTRANCE, IMAGE, describe_entrance, describe_marks
from stackenv.errors import ModuleError, explain
from stackenv.model.environment import Record
from stackenv.model.record import FOLDER

TIMEOUT_S = 60
LOOK_EVERY_S = 0.05
# What `packed` and enter_namespace.py say behind the reason, of an image that there is.
BEHIND_REASON = re.compile(r", so the image cannot be mounted|\. Ways out:")


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
    try:
        # Where temporary files are the next command removes what a killed one has left.
        for top in (None, Path(mounts)):
            folders.append(make_folder(top).resolve())
        prefix = folders[0] / "environment"
        make_trial(replace(record, path=str(prefix)), identity, way, str(folders[1]))
        said = try_mount(f"{prefix}/{ENTRANCE}", environ)
        wait_for_holder(folders[1], identity)
    except OSError as error:
        said = explain(error)
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
    if said:
        reason = BEHIND_REASON.split(said.removeprefix(f"stackenv: {record.full_name}: "))[0]
        raise ModuleError(
            f"once packed, {record.full_name} could not be loaded on {os.uname().nodename}: {reason}; "
            "nothing was changed",
            "pack it on a node where you may use squashfuse, fusermount3 and /dev/fuse, or ask the site for "
            "them: ls -l /dev/fuse; command -v squashfuse fusermount3",
        )


def make_trial(record: Record, identity: str, way: str, mounts: str) -> None:
    """Make a packed environment at the path of `record` that holds nothing but what tells which one it is."""
    prefix = Path(record.path)
    content, image = prefix.with_name("content"), prefix / IMAGE
    for folder in (content / FOLDER, image.parent):
        folder.mkdir(parents=True)
    write_files(describe_marks(record, identity), record, content)
    make_image(content, image)
    packed = replace(record, packed=describe_image(image, identity, way, mounts, 0, ""))
    for file in describe_entrance(packed):
        if Path(file.path).parent.name == FOLDER:
            write_files((file,), packed, prefix)


def try_mount(entrance: str, environ: Mapping[str, str]) -> str:
    """Mount an image by its script `entrance`, and give it back; return what is said when that fails."""
    # The environment's own folder lets programs start; that of temporary files can be mounted noexec.
    command = ("/bin/sh", entrance)
    try:
        done = subprocess.run(
            [*command, "mount"],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return explain(error)
    finally:
        subprocess.run([*command, "unmount"], env=environ, capture_output=True, check=False)
    said = " ".join(os.fsdecode(done.stderr).split())
    return (said or f"status {done.returncode}") if done.returncode else ""


def wait_for_holder(mounts: Path, identity: str) -> None:
    """Wait until what stays beside squashfuse in a namespace has seen that nobody is there any more."""
    until = time.monotonic() + TIMEOUT_S
    while list(mounts.glob(f"*/*/{identity}.holder")) and time.monotonic() < until:
        time.sleep(LOOK_EVERY_S)
