"""`stackenv pack` and `unpack`: what they keep, what they refuse, and that no file is lost."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

import pytest
from packing import load
from trees import describe_tree
from users import STACKENV, User


def test_unpacking_restores_the_environment_as_it_was(packer: User) -> None:
    prefix = packer.home / "venvs/bio-1.0"
    odd = prefix / "share/ä 'odd' name"
    odd.parent.mkdir(exist_ok=True)
    odd.write_text("contents")
    odd.chmod(0o640)
    (prefix / "share/link").symlink_to("nowhere at all")
    packer.run(f"{prefix}/bin/python -m compileall -q {prefix}/lib")
    before = describe_tree(prefix), (packer.modules / "bio/1.0.lua").read_text()
    assert packer.stackenv("pack", "bio").returncode == 0
    assert (packer.modules / "bio/1.0.lua").read_text() != before[1]
    done = packer.stackenv("unpack", "bio")
    assert done.returncode == 0, done.stderr
    after = describe_tree(prefix)
    changed = {n for n in {*before[0], *after} if before[0].get(n) != after.get(n) and "__pycache__" not in n}
    assert changed <= {"stackenv/record.json"}
    assert (packer.modules / "bio/1.0.lua").read_text() == before[1]
    assert load(packer, "pip install pandas").returncode == 0


def test_pack_and_unpack_add_the_load_script_that_older_versions_lack(packer: User) -> None:
    missing = packer.home / "venvs/bio-1.0/stackenv/load.sh"
    contents = missing.read_text()
    for command in ("pack", "unpack"):
        missing.unlink()
        done = packer.stackenv(command, "bio")
        assert done.returncode == 0 and missing.read_text() == contents, done.stderr


def test_a_dry_run_of_pack_changes_nothing(packer: User) -> None:
    before = describe_tree(packer.home)
    done = packer.stackenv("pack", "bio", "--dry-run")
    assert done.returncode == 0
    assert "write everything in" in done.stdout
    assert describe_tree(packer.home) == before


@pytest.mark.parametrize("start", ["exec venvs/bio-1.0/bin/python", "module load bio; exec python"])
def test_an_environment_in_use_on_this_node_is_not_packed(packer: User, start: str) -> None:
    # The first start compiles the files that are imported without the modules.
    assert packer.run("venvs/bio-1.0/bin/python -c ''").returncode == 0
    before = describe_tree(packer.home / "venvs")
    init = Path(packer.environ["LMOD_CMD"]).parents[1] / "init/bash"
    wait = f'. "{init}"; module use {packer.modules}; {start} -c "print(1, flush=True); input()"'
    running = subprocess.Popen(
        ["bash", "-c", wait],
        env=packer.environ,
        cwd=packer.home,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert running.stdout
    running.stdout.readline()
    refused = packer.stackenv("pack", "bio")
    running.communicate(b"\n")
    assert refused.returncode == 8
    assert f"{running.pid} " in refused.stderr
    assert describe_tree(packer.home / "venvs") == before
    assert packer.stackenv("pack", "bio").returncode == 0


def test_a_file_written_during_packing_is_not_lost(packer: User) -> None:
    late = packer.home / "venvs/bio-1.0/late.txt"
    with (packer.home / "log").open("w+") as log:
        running = subprocess.Popen(
            [STACKENV, "pack", "bio"], env=packer.environ, stderr=log, stdin=subprocess.DEVNULL
        )
        while running.poll() is None and "write the files that" not in Path(log.name).read_text():
            pass
        with contextlib.suppress(OSError):
            late.write_text("of a job on another node")
        running.wait()
    told = (packer.home / "log").read_text()
    found = list((packer.home / "venvs").rglob("late.txt"))
    assert [path.read_text() for path in found] == ["of a job on another node"], told
    # The file was noticed while packing or just before the old files were deleted, and pack refused; or it
    # went into the new folder.
    refused = "was not packed" in told or "nothing was changed" in told
    assert (running.returncode == 8) == refused, told


def test_selinux_labels_are_not_stored_and_do_not_prevent_unpacking(packer: User) -> None:
    file = packer.home / "venvs/bio-1.0/pyvenv.cfg"
    try:
        os.setxattr(file, b"security.selinux", b"unconfined_u:object_r:user_home_t:s0")
    except OSError as error:
        pytest.skip(f"no labels here: {error}")
    assert packer.stackenv("pack", "bio").returncode == 0
    image = packer.home / "venvs/bio-1.0/stackenv/environment.squashfs"
    shown = subprocess.run(["unsquashfs", "-stat", str(image)], capture_output=True, text=True, check=True)
    assert "Xattrs are not stored" in shown.stdout
    assert packer.stackenv("unpack", "bio").returncode == 0


def test_unpack_refuses_when_a_file_of_the_user_lies_next_to_the_image(packer: User) -> None:
    assert packer.stackenv("pack", "bio").returncode == 0
    (packer.home / "venvs/bio-1.0/mine.txt").write_text("mine")
    refused = packer.stackenv("unpack", "bio")
    assert refused.returncode == 9
    assert "mine.txt" in refused.stderr
    assert (packer.home / "venvs/bio-1.0/mine.txt").read_text() == "mine"
    assert (packer.home / "venvs/bio-1.0/stackenv/environment.squashfs").is_file()


def test_remove_deletes_the_image_too(packer: User) -> None:
    assert packer.stackenv("pack", "bio").returncode == 0
    done = packer.stackenv("remove", "bio", "--yes")
    assert done.returncode == 0, done.stderr
    assert not list((packer.home / "venvs").iterdir())


def test_removing_an_adopted_packed_environment_is_refused(packer: User) -> None:
    assert packer.stackenv("remove", "bio", "--yes").returncode == 0
    packer.run(f"module load {packer.stack.bundle_module}; python -m venv --system-site-packages venvs/mine")
    adopted = packer.stackenv("adopt", "venvs/mine", "mine", load=[packer.stack.bundle_module])
    assert adopted.returncode == 0, adopted.stderr
    assert packer.stackenv("pack", "mine").returncode == 0
    refused = packer.stackenv("remove", "mine", "--yes")
    assert refused.returncode == 1
    assert "stackenv unpack mine/1.0" in refused.stderr
    assert (packer.home / "venvs/mine/stackenv/environment.squashfs").is_file()
