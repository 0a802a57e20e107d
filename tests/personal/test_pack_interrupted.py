"""`pack` and `unpack`, killed at each step: nothing is lost, and the next command recovers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from packing import list_mounts, make_packing_user, require_fuse, unmounting
from stacked import open_stack
from test_interrupted import Running
from trees import describe_tree
from users import User

PACK = (
    "compile the Python files",
    "mark the environment",
    "write everything in",
    "compare the image",
    "write the files that are needed beside the image",
    "replace",
)
UNPACK = (
    "check that the image",
    "files, links and folders beside",
    "compare them",
    "replace",
)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    """Return a user with an environment, and with copies of the home, unpacked and packed, to restore."""
    require_fuse()
    folder = tmp_path_factory.mktemp("interrupted")
    with unmounting(folder):
        user = make_packing_user(folder, open_stack("eb5-pythonpath"))
        made = user.stackenv("create", "bio", "biopython", load=[user.stack.bundle_module])
        assert made.returncode == 0, made.stderr
        assert user.stackenv("pack", "bio").returncode == 0
        shutil.copytree(user.home, folder / "packed", symlinks=True)
        assert user.stackenv("unpack", "bio").returncode == 0
        shutil.copytree(user.home, folder / "unpacked", symlinks=True)
        yield user


def put_back(user: User, state: str) -> dict[str, tuple[str, str]]:
    shutil.rmtree(user.home)
    shutil.copytree(user.home.parent / state, user.home, symlinks=True)
    return describe_tree(user.home)


def require_whole(user: User, command: str, before: dict[str, tuple[str, str]]) -> None:
    """Require that the environment is as before or completely changed, works, and nothing else is left."""
    listed = user.stackenv("list")
    assert listed.returncode == 0, listed.stderr
    image = user.home / "venvs/bio-1.0/stackenv/environment.squashfs"
    if image.exists() == (command == "unpack"):
        after = describe_tree(user.home)
        for journals in ("modules/.stackenv",):
            before.pop(journals, None), after.pop(journals, None)
        assert after == before, listed.stderr
    assert not [p.name for p in Path(user.environ["TMPDIR"]).iterdir() if p.name.startswith("stackenv-")]
    assert not list_mounts(user.home.parent / "tmp")
    assert [p.name for p in (user.home / "venvs").iterdir()] == ["bio-1.0"], listed.stderr
    assert not list((user.modules / ".stackenv").glob("*"))
    done = user.run(
        f"module use {user.modules}; module load bio && python -c 'import Bio'; module unload bio"
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("command", "sentence"), [*(("pack", s) for s in PACK), *(("unpack", s) for s in UNPACK)]
)
def test_the_next_command_recovers_from_a_kill_at_any_step(origin: User, command: str, sentence: str) -> None:
    before = put_back(origin, "unpacked" if command == "pack" else "packed")
    running = Running(origin, command, "bio")
    running.wait_for(sentence)
    running.kill()
    require_whole(origin, command, before)


@pytest.fixture(scope="module")
def renames(origin: User) -> dict[str, int]:
    """Return how many renames each command makes."""
    numbers = {}
    for command, state in (("pack", "unpacked"), ("unpack", "packed")):
        put_back(origin, state)
        trace = origin.home.parent / f"{command}.trace"
        done = origin.run(f"strace -qq -o {trace} -e trace=rename stackenv {command} bio")
        assert done.returncode == 0, done.stderr
        numbers[command] = trace.read_text().count("rename(")
    return numbers


@pytest.mark.any_value("before_the_end", of=3)
@pytest.mark.parametrize("command", ["pack", "unpack"])
@pytest.mark.parametrize("before_the_end", range(8, -1, -1))
def test_the_next_command_recovers_from_a_kill_at_any_rename(
    origin: User, renames: dict[str, int], command: str, before_the_end: int
) -> None:
    before = put_back(origin, "unpacked" if command == "pack" else "packed")
    number = renames[command] - before_the_end
    inject = f"-e trace=rename -e inject=rename:signal=KILL:when={number}"
    killed = origin.run(f"strace -qq -o {origin.home.parent}/trace {inject} stackenv {command} bio")
    assert killed.returncode in (-9, 137), killed.stderr
    require_whole(origin, command, before)
