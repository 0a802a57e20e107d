"""Packed environments, of both ways to mount them, started without modules; the record beside the image."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from answers import read_result
from made_again import make_again
from needy_stack import FIND, KINDS, NeedleStack, describe_needle_stack, write_modules
from packing import make_packing_user, require_fuse, unmounting
from stacked import open_stack
from users import User

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "kernels"))

from jupyters import Jupyter
from programs import JUPYTERS_PACKAGES

CODE = f"import Bio, os; {FIND}; assert not [n for n in os.environ if n.startswith('LD_')]"


def make_user_with(folder: Path, kind: str) -> User:
    """Return a user with an environment on a private stack, whose modulefiles a test may change."""
    below = open_stack("eb5-pythonpath")
    (folder / "needle").mkdir()
    write_modules(folder / "needle", below, kind)
    stack = describe_needle_stack(folder / "needle", below, kind)
    user = make_packing_user(folder, stack)
    made = user.stackenv("create", "bio", "biopython", load=[stack.bundle_module])
    assert made.returncode == 0, made.stderr
    return user


@pytest.fixture(params=KINDS)
def packer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    require_fuse()
    folder = tmp_path_factory.getbasetemp() / f"packer-{request.param}"
    with unmounting(folder):
        yield make_again(folder, lambda place: make_user_with(place, request.param))


def stack_of(user: User) -> NeedleStack:
    assert isinstance(user.stack, NeedleStack)
    return user.stack


def stackenv(user: User, *words: str) -> str:
    done = user.stackenv(*words)
    assert done.returncode == 0, done.stderr
    return done.stderr


def start(user: User, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Start the environment's Python by its path, with HOME and a minimal PATH."""
    return subprocess.run(
        [user.home / "venvs/bio-1.0/bin/python", *(words or ("-c", CODE))],
        env={"HOME": str(user.home), "PATH": "/usr/bin:/bin", **environ},
        cwd=user.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def read_record(user: User) -> dict:
    return json.loads((user.home / "venvs/bio-1.0/stackenv/record.json").read_text())


def change_modulefile(user: User) -> None:
    path = Path(stack_of(user).folder, "modules/Needle/1.0.lua")
    path.write_text(f"{path.read_text()}-- built again\n")


def hold_own_path(user: User) -> None:
    """Write the environment's path to one of its files, so that the packed image is mounted at that path."""
    prefix = user.home / "venvs/bio-1.0"
    next(prefix.glob("lib/python3*/site-packages")).joinpath("place.py").write_text(f"'{prefix}'\n")


def test_packing_and_unpacking_keep_what_the_environment_carries(packer: User) -> None:
    before = read_record(packer)["carried"]
    for way in ("session", "namespace"):
        if way == "namespace":
            hold_own_path(packer)
        stackenv(packer, "pack", "bio")
        record = read_record(packer)
        assert (record["packed"]["way"], record["carried"]) == (way, before)
        found = start(packer)
        assert (found.stdout, found.stderr) == ("10\n", ""), way
        off = start(packer, STACKENV_CARRY="0")
        assert off.returncode == 1 and "needs Needle/1.0 (not loaded)" in off.stderr
        stackenv(packer, "unpack", "bio")
        found = start(packer)
        assert (found.stdout, found.stderr) == ("10\n", "") and read_record(packer)["carried"] == before


def test_refresh_updates_what_a_packed_environment_carries(packer: User) -> None:
    stackenv(packer, "pack", "bio")
    image = packer.home / "venvs/bio-1.0/stackenv/environment.squashfs"
    before, inode = read_record(packer), image.stat().st_ino
    change_modulefile(packer)
    stale = start(packer)
    modulefile = f"{stack_of(packer).folder}/modules/Needle/1.0.lua"
    assert stale.returncode == 1 and stale.stderr.startswith(
        "stackenv: the environment bio/1.0 runs without its modules: "
        f"the modulefile {modulefile} has changed; hint: stackenv edit bio/1.0 --refresh\n"
    )
    shown = stackenv(packer, "edit", "bio", "--refresh", "--dry-run")
    assert read_record(packer) == before, shown
    assert "update what it carries of its modules" in stackenv(packer, "edit", "bio", "--refresh")
    found = start(packer)
    assert (found.stdout, found.stderr) == ("10\n", "")
    after = read_record(packer)
    assert after["carried"].pop("modulefiles") != before["carried"].pop("modulefiles")
    assert after == before and image.stat().st_ino == inode


@pytest.mark.parametrize("packer", ["needy"], indirect=True)
def test_refresh_prints_the_commands_to_run_when_the_image_hides_the_record(packer: User) -> None:
    hold_own_path(packer)
    stackenv(packer, "pack", "bio")
    before = read_record(packer)
    assert "unpack" not in stackenv(packer, "edit", "bio", "--refresh")
    change_modulefile(packer)
    assert start(packer).stderr.partition("\n")[0].endswith("hint: stackenv edit bio/1.0 --refresh")
    said = stackenv(packer, "edit", "bio", "--refresh").splitlines()
    assert read_record(packer) == before
    (commands,) = (
        line.partition("to update that: ")[2].split("; ") for line in said if "to update that" in line
    )
    assert len(commands) == 3
    for command in commands:
        stackenv(packer, *command.split()[1:])
    found = start(packer)
    assert (found.stdout, found.stderr) == ("10\n", "")


@pytest.mark.parametrize("packer", ["needy"], indirect=True)
def test_a_group_writable_record_is_used_and_one_of_strangers_is_refused(packer: User) -> None:
    stackenv(packer, "pack", "bio")
    change_modulefile(packer)
    done = packer.run("umask 002; stackenv edit bio --refresh")
    assert done.returncode == 0, done.stderr
    found = start(packer)
    assert (found.stdout, found.stderr) == ("10\n", "")
    record = packer.home / "venvs/bio-1.0/stackenv/record.json"
    record.chmod(0o664)
    record.with_name("packed").chmod(0o775)
    assert start(packer).stdout == "10\n"
    record.chmod(0o666)
    assert "could have been written by another user" in start(packer, "-c", "").stderr
    record.chmod(0o664)
    os.chown(record, 74011, -1)
    assert "could have been written by another user" in start(packer, "-c", "").stderr
    # The same if everything beside the image belongs to the stranger, as after the path has changed hands.
    os.chown(record.with_name("packed"), 74011, -1)
    os.chown(record.parent, 74011, -1)
    assert "could have been written by another user" in start(packer, "-c", "").stderr
    record.parent.chmod(0o775)
    assert "could have been written by another user" in start(packer, "-c", "").stderr
    # In a folder of a group it is used: the owner of the folder has allowed the members to write the record.
    os.chown(record.parent, 0, -1)
    assert start(packer).stdout == "10\n"
    os.chown(record, -1, 74011)
    assert "could have been written by another user" in start(packer, "-c", "").stderr


@pytest.mark.parametrize("packer", ["needy"], indirect=True)
def test_refresh_keeps_the_libraries_that_packed_packages_needed(packer: User) -> None:
    # As if only packages in the image needed the library; the image is not searched.
    stackenv(packer, "pack", "bio")
    libraries = read_record(packer)["carried"]["libraries"]
    shutil.rmtree(Path(stack_of(packer).folder, "Needle/1.0/lib"))
    stackenv(packer, "edit", "bio", "--refresh")
    assert read_record(packer)["carried"]["libraries"] == libraries != []


def configure_off(user: User) -> dict[str, str]:
    """Return the variable for a site configuration that turns carrying off."""
    path = user.home / "off.yaml"
    path.write_text("version: 1\npersonal:\n  carry: false\n")
    return {"STACKENV_SITE_CONFIG": str(path)}


@pytest.mark.parametrize("made_while", ["on", "off"])
@pytest.mark.parametrize("packer", ["needy"], indirect=True)
def test_refresh_follows_a_site_that_turns_carrying_off_and_on(packer: User, made_while: str) -> None:
    off = configure_off(packer)
    if made_while == "off":
        refreshed = packer.stackenv("edit", "bio", "--refresh", **off)
        assert refreshed.returncode == 0, refreshed.stderr
    stackenv(packer, "pack", "bio")
    refreshed = packer.stackenv("edit", "--refresh", "--all", **off)
    assert refreshed.returncode == 0, refreshed.stderr
    without = start(packer)
    assert without.returncode == 1 and "needs Needle/1.0 (not loaded)" in without.stderr
    assert "turned off by the site configuration" in packer.stackenv("info", "bio", **off).stdout
    # When the site has turned it on again, info and check give the command.
    shown = packer.stackenv("info", "bio").stdout
    assert "to add it: stackenv edit bio/1.0 --refresh" in shown and "turned off" not in shown
    (found,) = read_result(packer.stackenv("check", "bio", "--json").stdout)
    assert (
        "configuration now allows it" in found["what"] and found["hint"] == "stackenv edit bio/1.0 --refresh"
    )
    stackenv(packer, "edit", "--refresh", "--all")
    found = start(packer)
    assert (found.stdout, found.stderr) == ("10\n", "")


@pytest.mark.parametrize("packer", ["needy"], indirect=True)
def test_refresh_of_an_image_without_a_recorded_stack_prints_the_commands_to_run(packer: User) -> None:
    """The record is replaced by one without a recorded stack, as in an image of an older stackenv."""
    stackenv(packer, "pack", "bio")
    path = packer.home / "venvs/bio-1.0/stackenv/record.json"
    path.write_text(json.dumps({**read_record(packer), "carried": None}))
    off = packer.stackenv("edit", "bio", "--refresh", **configure_off(packer))
    assert off.returncode == 0 and "unpack" not in off.stderr
    said = " ".join(stackenv(packer, "edit", "bio", "--refresh").split())
    assert "stackenv unpack bio/1.0; stackenv edit bio/1.0 --refresh; stackenv pack bio/1.0" in said
    assert read_record(packer)["carried"] is None


def test_edits_of_a_packed_environment_are_refused_until_it_is_unpacked(packer: User) -> None:
    stackenv(packer, "pack", "bio")
    before = read_record(packer)
    for words in (("--no-carry",), ("--carry",), ("-m", stack_of(packer).other_version)):
        refused = packer.stackenv("edit", "bio", *words)
        assert refused.returncode == 1 and "is packed and cannot be changed" in refused.stderr
        assert "stackenv unpack bio/1.0" in refused.stderr
    assert read_record(packer) == before
    stackenv(packer, "unpack", "bio")
    stackenv(packer, "edit", "bio", "--no-carry")
    stackenv(packer, "pack", "bio")
    stackenv(packer, "edit", "bio", "--refresh")
    assert read_record(packer)["carried"] is None
    off = start(packer)
    assert off.returncode == 1 and "needs Needle/1.0 (not loaded)" in off.stderr


def test_refresh_changes_nothing_when_python_changed_or_the_module_is_missing(packer: User) -> None:
    stackenv(packer, "pack", "bio")
    before = read_record(packer)
    path = Path(stack_of(packer).folder, "modules/Needle/1.0.lua")
    text = path.read_text()
    path.write_text(text.replace(stack_of(packer).numpy_module, stack_of(packer).next_bundle_module))
    refused = packer.stackenv("edit", "bio", "--refresh")
    assert refused.returncode == 1 and "nothing was changed" in refused.stderr, refused.stderr
    assert "stackenv unpack bio/1.0; stackenv rebuild bio/1.0" in refused.stderr
    assert read_record(packer) == before
    path.unlink()
    refused = packer.stackenv("edit", "bio", "--refresh")
    assert refused.returncode == 7 and "module spider Needle/1.0" in refused.stderr
    assert read_record(packer) == before


@pytest.mark.parametrize("packer", ["needy"], indirect=True)
def test_a_plain_ipykernel_made_before_packing_still_starts(packer: User, tmp_path: Path) -> None:
    (packages,) = (packer.home / "venvs/bio-1.0").glob("lib/python3*/site-packages")
    (packages / "jupyters.pth").write_text(f"{JUPYTERS_PACKAGES}\n")
    made = start(packer, "-m", "ipykernel", "install", "--user", "--name", "plain")
    assert made.returncode == 0, made.stderr
    stackenv(packer, "pack", "bio")
    with Jupyter(tmp_path, {**packer.environ, "PATH": "/usr/bin:/bin"}) as jupyter:
        jupyter.start("plain")
        code = (
            "import json, needle, os; print(json.dumps([needle.find(), os.environ.get('LD_LIBRARY_PATH')]))"
        )
        assert jupyter.run(code) == [10, None]
