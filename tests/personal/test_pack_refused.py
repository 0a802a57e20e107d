"""`stackenv pack` is refused, before anything changes, where the user could not load the image."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from open_ways import open_way_to
from packing import list_mounts
from squashfuses import list_squashfuses
from trees import describe_tree
from users import User

SOMEBODY = 4321


def pack_hidden(user: User, script: Path, lines: str, command: str) -> subprocess.CompletedProcess[str]:
    """Run `lines` and then `command` in a separate mount namespace."""
    if os.geteuid():
        pytest.skip("only root can hide a program from its own processes")
    script.write_text(f"{lines}\n{command}\n")
    return user.run(f"unshare --mount bash --norc --noprofile {script}")


def look(user: User) -> dict[str, tuple[str, str]]:
    """Return the files of the home, except the folder of journals."""
    return {name: entry for name, entry in describe_tree(user.home).items() if name != "modules/.stackenv"}


def require_nothing_left(user: User) -> None:
    folder = user.home.parent
    assert list((folder / "tmp").iterdir()) == [] and not list_mounts(folder) and not list_squashfuses(folder)
    assert [path for path in (folder / "node").rglob("*") if not path.is_dir()] == []


@pytest.mark.parametrize(
    ("hidden", "words"),
    [
        ("/usr/bin/squashfuse /usr/bin/squashfuse_ll", "squashfuse is not installed"),
        ("/dev/fuse", " failed: "),
    ],
)
def test_pack_is_refused_on_a_node_without_fuse(
    packer: User, tmp_path: Path, hidden: str, words: str
) -> None:
    lines = f'for f in {hidden}; do [ ! -e "$f" ] || mount --bind /dev/null "$f" || exit 80; done'
    before = look(packer)
    for command in ("stackenv pack bio --dry-run", "stackenv pack bio"):
        refused = pack_hidden(packer, tmp_path / "pack.sh", lines, command)
        assert refused.returncode == 7, refused.stderr
        assert refused.stdout == "" and words in refused.stderr.partition("hint: ")[0]
        assert "nothing was changed" in refused.stderr and "stackenv unpack" not in refused.stderr
    assert look(packer) == before
    require_nothing_left(packer)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (
            "mknod -m 600 fuse c 10 229; mount --bind fuse /dev/fuse",
            "/dev/fuse is missing or not writable",
        ),
        (
            "mknod -m 666 fuse c 10 229; mount --bind fuse /dev/fuse; "
            "mount --bind /dev/null /usr/bin/fusermount3",
            " failed: fuse: failed to exec fusermount3",
        ),
        ("mknod -m 666 fuse c 10 229; mount --bind fuse /dev/fuse", ""),
    ],
    ids=["a device for root alone", "no fusermount3", "all of it"],
)
def test_pack_as_an_ordinary_user_needs_dev_fuse_and_fusermount(
    packer: User, tmp_path: Path, lines: str, words: str
) -> None:
    if os.geteuid():
        pytest.skip("only root can become another user")
    named = "(cat /etc/passwd; echo somebody:x:4321:4321::/:/bin/sh) >passwd; mount --bind passwd /etc/passwd"
    subprocess.run(["chown", "-R", f"{SOMEBODY}:{SOMEBODY}", packer.home.parent], check=True)
    open_way_to(packer.home)
    done = pack_hidden(
        packer,
        tmp_path / "pack.sh",
        f"cd {tmp_path}; {lines}; {named}; cd {packer.home}",
        f"exec setpriv --reuid {SOMEBODY} --regid {SOMEBODY} --clear-groups stackenv pack bio",
    )
    if words:
        assert done.returncode == 7 and words in done.stderr, done.stderr
        assert (packer.home / "venvs/bio-1.0/lib").is_dir()
    else:
        assert done.returncode == 0, done.stderr
        assert not (packer.home / "venvs/bio-1.0/lib").exists()
    require_nothing_left(packer)
