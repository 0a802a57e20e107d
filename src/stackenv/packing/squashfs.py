"""Creates, extracts and reads images, with the programs of squashfs-tools and squashfuse."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from stackenv.errors import StackenvError
from stackenv.output import SCREEN
from stackenv.transactions.child_process import end_with_parent
from stackenv.transactions.mounts import TIMEOUT_S, release_mounts

# Fewer than a login node has, because others use it, too.
MOST_PROCESSORS = 8
# mksquashfs' own level for zstd, 15, took many times as long for an image 7 % smaller (scipy, pandas and
# matplotlib, 343 MB, mksquashfs 4.5.1).
ZSTD_LEVEL = 6


def find_program(name: str, package: str) -> str:
    """Return the path of the program `name`, from the system package `package`.

    Raises
    ------
    StackenvError
        If this node does not have it.
    """
    found = shutil.which(name) or shutil.which(name, path="/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
    if found:
        return found
    raise StackenvError(
        f"{name} is not available on {os.uname().nodename}; nothing was changed",
        f"try another node (a login node?), or ask your site's support to install the package {package}",
    )


def list_compressors(mksquashfs: str) -> list[str]:
    """Return the compressors that `mksquashfs` supports."""
    done = subprocess.run([mksquashfs, "-help"], capture_output=True, text=True, check=False)
    _, _, text = (done.stdout + done.stderr).partition("Compressors available")
    lines = text.splitlines()[1:]
    return [
        line.split()[0] for line in lines if line.strip() and line[0].isspace() and line.strip()[0] != "-"
    ]


def choose_compression(mksquashfs: str) -> tuple[str, ...]:
    """Return the options that make `mksquashfs` use zstd, or gzip if it does not support zstd."""
    if "zstd" in list_compressors(mksquashfs):
        return ("-comp", "zstd", "-Xcompression-level", str(ZSTD_LEVEL))
    return ("-comp", "gzip")


def run_tool(words: Sequence[str], what: str) -> None:
    """Run a program; show its own words with --verbose, and in the error when it fails.

    Raises
    ------
    StackenvError
        When it fails.
    """
    environ = {k: v for k, v in os.environ.items() if k not in ("LD_LIBRARY_PATH", "LD_PRELOAD")}
    shown = SCREEN.verbose
    output = sys.stderr.fileno() if shown else subprocess.PIPE
    # Behind a command that was killed it would go on writing, into what the next one takes away.
    done = subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.PIPE,
        env=environ,
        check=False,
        preexec_fn=end_with_parent,
    )
    if done.returncode != 0:
        told = (done.stderr or b"") + (b"" if shown else done.stdout or b"")
        lines = told.decode("utf-8", "replace").strip().splitlines()
        raise StackenvError(
            f"{what} failed (status {done.returncode}): {' | '.join(lines[-5:]) or 'without a message'}",
            "check the free space and your quota: df -h; quota",
        )


def list_common_options() -> tuple[str, ...]:
    """Return the options of both programs: how many processors, how much to print, no labels of SELinux.

    Those, which a node without it refuses to an ordinary user, are not part of an environment.
    """
    processors = min(len(os.sched_getaffinity(0)), MOST_PROCESSORS)
    quiet = () if SCREEN.verbose and sys.stderr.isatty() else ("-no-progress",)
    return ("-no-xattrs", "-processors", str(processors), *quiet)


def make_image(folder: Path, image: Path) -> None:
    """Make the file `image` of all that is in `folder`.

    Raises
    ------
    StackenvError
        When mksquashfs is not here, or fails.
    """
    mksquashfs = find_program("mksquashfs", "squashfs-tools")
    options = ("-noappend", *choose_compression(mksquashfs), *list_common_options())
    run_tool([mksquashfs, str(folder), str(image), *options], f"packing {folder} into {image}")


def extract_image(image: Path, folder: Path) -> None:
    """Make the new `folder` of all that is in `image`.

    Raises
    ------
    StackenvError
        When unsquashfs is not here, or fails.
    """
    unsquashfs = find_program("unsquashfs", "squashfs-tools")
    options = (*list_common_options(), "-force", "-dest", str(folder))
    run_tool([unsquashfs, *options, str(image)], f"unpacking {image} into {folder}")


@contextlib.contextmanager
def opened_image(image: Path) -> Iterator[Path]:
    """Within the block what `image` holds can be read in the folder given; without FUSE, it is extracted.

    Raises
    ------
    StackenvError
        When it can be neither mounted nor extracted.
    """
    with tempfile.TemporaryDirectory(prefix="stackenv-image-") as scratch:
        place = Path(scratch, "image")
        place.mkdir()
        process = mount(image, place)
        if process:
            try:
                yield place
            finally:
                unmount(place, process)
        else:
            extract_image(image, place)
            yield place


def mount(image: Path, place: Path) -> subprocess.Popen[bytes] | None:
    """Mount `image` at `place`; return the process that holds it, None where that is not possible."""
    program = next(filter(None, map(shutil.which, ("squashfuse_ll", "squashfuse"))), None)
    if program is None:
        return None
    nothing = subprocess.DEVNULL
    process = subprocess.Popen(
        [program, "-f", "-o", "ro", str(image), str(place)],
        stdin=nothing,
        stdout=nothing,
        stderr=nothing,
        preexec_fn=end_with_parent,
    )
    while process.poll() is None:
        if place.is_mount():
            return process
        time.sleep(0.005)
    return None


def unmount(place: Path, process: subprocess.Popen[bytes]) -> None:
    """Take the mount at `place`, which `process` holds, away."""
    release_mounts(Path(os.path.realpath(place.parent), place.name))
    process.terminate()
    try:
        process.wait(TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
