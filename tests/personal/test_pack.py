"""`stackenv pack` and `unpack`: nothing is lost, and the module works as before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from answers import read_result
from packing import list_mounts, load, make_packing_user, require_fuse, unmounting
from squashfuses import list_squashfuses
from stacked import Stack
from terminals import read_table, show
from trees import describe_tree
from users import STACKENV, User

CHECK = "import Bio, numpy; print(Bio.__file__); print(numpy.__file__)"


class Packed(NamedTuple):
    """A user with a packed environment, its files before packing, and the messages of `pack`."""

    user: User
    before: dict[str, tuple[str, str]]
    told: str


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory, one_stack: Stack) -> Iterator[Packed]:
    """Return a packed environment that the tests of this file share."""
    require_fuse()
    folder = tmp_path_factory.mktemp("packed")
    with unmounting(folder):
        user = make_packing_user(folder, one_stack)
        made = user.stackenv("create", "bio", "biopython", load=[one_stack.bundle_module])
        assert made.returncode == 0, made.stderr
        before = describe_tree(user.home / "venvs/bio-1.0")
        done = user.stackenv("pack", "bio")
        assert done.returncode == 0, done.stderr
        yield Packed(user, before, done.stderr)


@pytest.fixture(scope="module")
def owner(packed: Packed) -> User:
    return packed.user


def test_packing_leaves_an_image_and_the_few_files_needed_without_it(packed: Packed) -> None:
    prefix = packed.user.home / "venvs/bio-1.0"
    files = [p for p in prefix.rglob("*") if not p.is_dir() and not p.is_symlink()]
    names = {str(p.relative_to(prefix)) for p in files}
    assert len(packed.before) > 500
    assert {"stackenv/environment.squashfs", "stackenv/record.json", "stackenv/constraints.txt"} < names
    assert {"pip.conf", "pyvenv.cfg", "bin/activate", "stackenv/requirements.txt"} < names
    assert len(names) <= 30
    image = json.loads((prefix / "stackenv/record.json").read_text())["packed"]
    # No file that stackenv adds, its pip among them, holds the path of the environment.
    assert image["way"] == "session" and "namespace" not in packed.told
    assert image["size_bytes"] == (prefix / "stackenv/environment.squashfs").stat().st_size
    assert f"{image['entries']:,} files, links and folders are now one file" in packed.told


def test_output_of_mksquashfs_and_unsquashfs_is_shown_only_with_verbose(owner: User) -> None:
    made = owner.stackenv("create", "talk", load=[owner.stack.bundle_module])
    assert made.returncode == 0, made.stderr
    for words, theirs in (("pack", "Creating 4.0 filesystem"), ("unpack", "created ")):
        _, quiet = show([STACKENV, words, "talk", "-q"], owner.environ, owner.home)
        assert quiet == ""
        owner.stackenv("unpack" if words == "pack" else "pack", "talk", "-q")
        status, shown = show([STACKENV, words, "talk"], owner.environ, owner.home)
        assert status == 0 and f"{words.capitalize()}ing talk/1.0 ..." in shown
        stays = shown.rpartition("\x1b[2K")[2]
        assert theirs not in shown and stays.startswith(f"{words.capitalize()}ed talk/1.0")
        owner.stackenv("unpack" if words == "pack" else "pack", "talk", "-q")
        status, shown = show([STACKENV, words, "talk", "-v"], owner.environ, owner.home)
        assert status == 0 and theirs in shown


def test_own_and_stack_packages_are_found_in_a_packed_environment(owner: User) -> None:
    done = load(owner, f"python -c '{CHECK}' && module unload bio && command -v python")
    own, stack, _ = done.stdout.splitlines()
    assert own.startswith(str(owner.home.parent / "node")), done.stderr
    assert stack.startswith(owner.stack.software)
    assert not list_mounts(owner.home.parent)


def test_pip_and_the_python_called_by_path_use_the_image(owner: User) -> None:
    show = "pip show -f biopython | grep ^Location"
    done = load(owner, f'{show}; "$VIRTUAL_ENV/bin/python" -c "import sys; print(sys.prefix)"')
    pip, prefix = done.stdout.splitlines()
    assert str(owner.home.parent / "node") in pip, done.stderr
    assert prefix.startswith(str(owner.home.parent / "node"))


def test_the_activate_script_works_in_a_packed_environment(owner: User) -> None:
    done = owner.run(
        f"module load {owner.stack.bundle_module}; source venvs/bio-1.0/bin/activate; python -c '{CHECK}'; "
        "deactivate; command -v python"
    )
    assert str(owner.home.parent / "node") in done.stdout, done.stderr
    assert "venvs" not in done.stdout.splitlines()[-1]


def test_list_info_export_and_spider_work_without_mounting_the_image(owner: User) -> None:
    shown = read_result(owner.stackenv("info", "bio", "--json").stdout)
    assert "biopython" in [package["name"] for package in shown["packages"]]
    assert read_result(owner.stackenv("info", shown["environment"], "--json").stdout) == shown
    assert "biopython==" in owner.stackenv("export", "bio", "--format", "requirements").stdout
    assert "biopython==" in owner.stackenv("export", "bio", "--format", "environment").stdout
    assert "packed:" in owner.stackenv("export", "bio").stdout
    before = list_squashfuses(owner.home)
    assert read_table(owner.stackenv("list").stdout)[0][:2] == ["bio/1.0", "venv"]
    found = owner.run(f"module use {owner.modules}; module -t spider biopython 2>&1; module show bio 2>&1")
    assert "bio/1.0" in found.stdout
    assert list_squashfuses(owner.home) == before


@pytest.mark.parametrize(
    "command",
    [
        "pip install pandas",
        "pip3 -q install --user pandas",
        "python -m pip uninstall -y biopython",
        "python -Im pip install -U pip",
        "python -W ignore -X utf8 -m pip install pandas",
        "pip --proxy http://x --log /dev/null install --user pandas",
        "python $(command -v pip) install pandas",
        "python -c 'import subprocess, sys; sys.exit(subprocess.call([sys.executable, *sys.argv[1:]]))' "
        "-m pip install pandas",
    ],
)
def test_pip_changes_are_refused_with_the_command_to_unpack(owner: User, command: str) -> None:
    done = load(owner, command)
    assert done.returncode == 1
    said = " was not run: bio/1.0 is packed and cannot be changed; hint: "
    assert done.stderr.startswith("stackenv: pip") and said in done.stderr
    assert done.stderr.endswith("first run: stackenv unpack bio/1.0\n")
    assert not (owner.home / ".local").exists()


@pytest.mark.parametrize("command", ["pip list", "python -c 'print(\"-m pip install\")'", "pip --version"])
def test_commands_that_only_read_are_not_refused(owner: User, command: str) -> None:
    assert load(owner, command).returncode == 0


def test_uv_pip_install_is_refused_and_writes_nothing(owner: User) -> None:
    before = describe_tree(owner.home / "venvs")
    done = load(owner, "uv pip install pandas")
    assert done.returncode != 0
    assert (
        "uv pip install was not run: bio/1.0 is packed and cannot be changed; hint: "
        "first run: stackenv unpack bio/1.0" in done.stderr
    )
    assert describe_tree(owner.home / "venvs") == before
    assert not (owner.home / ".local").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("rename", "bio", "other"),
        ("edit", "bio", "--allow-shadow", "numpy"),
        ("pack", "bio"),
        ("adopt", "venvs/bio-1.0", "again"),
    ],
)
def test_rename_edit_pack_and_adopt_of_a_packed_environment_are_refused(
    owner: User, arguments: tuple[str, ...]
) -> None:
    before = describe_tree(owner.home)
    refused = owner.stackenv(*arguments)
    assert refused.returncode in (1, 9)
    assert "stackenv unpack bio/1.0" in refused.stderr or "already has a module" in refused.stderr
    assert describe_tree(owner.home) == before


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("truncate", "is truncated"),
        ("flip", "is damaged"),
        ("another", "belongs to another environment, "),
        ("remove", "is missing or cannot be read"),
    ],
)
def test_a_damaged_foreign_or_missing_image_is_refused_with_the_reason(
    packer: User, damage: str, words: str
) -> None:
    assert packer.stackenv("pack", "bio").returncode == 0
    image = packer.home / "venvs/bio-1.0/stackenv/environment.squashfs"
    if damage == "truncate":
        with image.open("r+b") as stream:
            stream.truncate(image.stat().st_size - 5000)
    elif damage == "flip":
        contents = bytearray(image.read_bytes())
        contents[len(contents) // 2] ^= 4
        image.write_bytes(contents)
    elif damage == "another":
        assert packer.stackenv("create", "two", load=[packer.stack.bundle_module]).returncode == 0
        assert packer.stackenv("pack", "two").returncode == 0
        image.write_bytes((packer.home / "venvs/two-1.0/stackenv/environment.squashfs").read_bytes())
    else:
        image.unlink()
    done = load(packer, "true")
    assert done.returncode == 70
    assert words in done.stderr.replace("\n", " "), done.stderr
    if damage == "another":
        assert "two/1.0" in done.stderr
    refused = packer.stackenv("unpack", "bio")
    assert refused.returncode == 1
    assert "nothing was changed" in refused.stderr
    assert image.exists() is (damage != "remove")
    assert not list_mounts(packer.home.parent)


def test_adopting_a_moved_packed_environment_prints_commands_that_work(packer: User) -> None:
    assert packer.stackenv("pack", "bio").returncode == 0
    old, new = packer.home / "venvs/bio-1.0", packer.home / "elsewhere"
    old.rename(new)
    assert "stackenv adopt" in packer.stackenv("unpack", "bio").stderr
    refused = packer.stackenv("adopt", str(new), "bio")
    assert refused.returncode == 1 and f"mv {new} {old};" in refused.stderr, refused.stderr
    typed = refused.stderr.partition("hint: ")[2].strip().replace("then, to have it in the new place: ", "")
    done = packer.run(typed)
    assert done.returncode == 0, done.stderr
    assert not old.exists() and load(packer, "python -c 'import Bio; print(Bio.__file__)'").stdout.startswith(
        f"{new}/"
    )
