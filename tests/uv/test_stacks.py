"""uv with a loaded personal module on each kind of stack: in its environment, and outside of it."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from stacked import STACKS, Stack, open_stack
from users import User, make_user
from uvs import UVS
from wheels import make_wheel

IMPORTED = "python -c 'import numpy; print(numpy.__version__, numpy.__file__)'"
# Run in the environment, in this order.
INSIDE = {
    "install": "uv pip install biopython && python -c 'import Bio; print(Bio.__file__)'",
    "import": IMPORTED,
    "a newer": "uv pip install 'numpy>=2'",
    "what needs a newer": "uv pip install wants-numpy-two",
    "check by uv": "uv pip check",
    "check by pip": "python -m pip check",
    "list by uv": "uv pip list --format json",
    "list by pip": "python -m pip list --format json",
    "import again": IMPORTED,
}
# A build in isolation, with the numpy it asks for, without PYTHONPATH; and one with the module's numpy.
BUILT = {
    "another": "env -u PYTHONPATH uv pip install --no-cache needs-numpy-two"
    " && python -c 'import needs_numpy_two as built; print(built.NUMPY)'",
    # The setuptools of the stack's Python wants wheel.
    "the module's": "uv pip install wheel && uv pip install --no-cache --no-build-isolation needs-stack-numpy"
    " && python -c 'from needs_stack_numpy import total; print(total.NUMPY)'",
    "import": IMPORTED,
}
# Run with the module loaded, and in a shell without it. Each starts with the original venv `other`.
OUTSIDE = {
    "another venv by --python": "uv pip install --python other wants-numpy-two",
    "its Python": "uv pip install -p other/bin/python --reinstall wants-numpy-two",
    "another venv by a variable": "UV_PYTHON=other uv pip install wants-numpy-two",
    "another venv, what it has": "uv pip list --python other; uv pip check --python other",
    "a venv is active": ". other/bin/activate; uv pip install wants-numpy-two; uv pip list",
    "a venv is active: changed": ". other/bin/activate; uv pip sync both.txt && uv pip uninstall numpy",
    "the system's": "uv pip install --system --dry-run wants-numpy-two",
    "a folder": "uv pip install --target other/folder --python other wants-numpy-two",
    "the module was unloaded": "module unload it; uv pip install six; type uv",
    "unloaded, another venv": "module unload it; uv pip install --python other -U wants-numpy-two",
    "unloaded, a venv is active": "module unload it; . other/bin/activate; uv pip install wants-numpy-two",
}
# The commands that install the newer numpy into `other`.
SATISFIED = [name for name, text in OUTSIDE.items() if "wants-numpy-two" in text and "--system" not in text]
SESSION = """
module load "$BUNDLE"
module use ~/modules
{load}
try() {{
    rm -rf other
    cp -a other-as-made other
    (eval "$2") >"$OUT/$1.out" 2>"$OUT/$1.err"
    echo $? >"$OUT/$1.status"
    (cd other; find . -name '*.dist-info' | sort) >"$OUT/$1.there"
}}
"""


@dataclass(frozen=True)
class Answer:
    """The status and output of a command, without times, and the packages in the venv `other` afterwards."""

    status: int
    out: str
    err: str
    there: str


@dataclass(frozen=True)
class Place:
    """A user with the environment `it` at `prefix`, and one of the two uvs."""

    user: User
    prefix: Path
    uv: str

    def ask(self, load: str, commands: Mapping[str, str]) -> dict[str, Answer]:
        """Return the answers to `commands` in one shell, which loads the bundle and then runs `load`."""
        out = self.user.home / "answers"
        out.mkdir(exist_ok=True)
        calls = [f"try {number} {shlex.quote(text)}" for number, text in enumerate(commands.values())]
        done = self.user.run(
            "\n".join([SESSION.format(load=load), *calls]),
            BUNDLE=self.user.stack.bundle_module,
            OUT=str(out),
            PATH=f"{UVS[self.uv]}:/usr/bin:/bin",
        )
        assert (done.returncode, done.stderr) == (0, "")

        def read(number: int, what: str) -> str:
            return leave_out_times((out / f"{number}.{what}").read_text())

        return {
            name: Answer(int(read(n, "status")), read(n, "out"), read(n, "err"), read(n, "there"))
            for n, name in enumerate(commands)
        }


def leave_out_times(text: str) -> str:
    """Return the output of uv without times, and without lines that depend on its cache."""
    text = re.sub(r"^Prepared .*\n", "", text, flags=re.M)
    return re.sub(r" in [0-9.]+m?s$", "", text, flags=re.M)


@pytest.fixture(scope="module", params=STACKS)
def stack(request: pytest.FixtureRequest) -> Stack:
    """Return each of the four stacks."""
    return open_stack(request.param)


@pytest.fixture(scope="module", params=["newest", pytest.param("a year old", marks=pytest.mark.matrix)])
def place(request: pytest.FixtureRequest, stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return a user of the stack, with another venv beside the environment."""
    base = tmp_path_factory.mktemp(stack.name)
    user = make_user(base, stack)
    make_wheel(base / "wheels", "wants-numpy-two", "1.0", ["numpy>=2"])
    links = {"UV_FIND_LINKS": f"{stack.wheels},{base / 'wheels'}"}
    user = User(user.home, {**user.environ, **links}, stack)
    made = user.stackenv("create", "it", load=[stack.bundle_module])
    assert made.returncode == 0, made.stderr
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", user.home / "other"], check=True)
    subprocess.run(["cp", "-a", "other", "other-as-made"], cwd=user.home, check=True)
    (user.home / "both.txt").write_text("numpy==2.1.1\nwants-numpy-two\n")
    return Place(user, user.home / "venvs/it-1.0", request.param)


@pytest.fixture(scope="module")
def inside(place: Place) -> dict[str, Answer]:
    """Return the answers in the environment."""
    return place.ask("ml it", INSIDE)


@pytest.fixture(scope="module")
def outside(place: Place) -> tuple[dict[str, Answer], dict[str, Answer]]:
    """Return the answers outside of the environment: with its module loaded, and in a shell without it."""
    unknown = {name: text.replace("module unload it; ", "") for name, text in OUTSIDE.items()}
    return place.ask("ml it", OUTSIDE), place.ask(":", unknown)


def test_a_package_that_needs_numpy_uses_the_modules(place: Place, inside: dict[str, Answer]) -> None:
    installed, imported = inside["install"], inside["import"]
    assert installed.status == 0, installed.err
    assert installed.out.startswith(f"{place.prefix}/lib/python3"), installed.out
    version, path = imported.out.split()
    assert path.startswith(place.user.stack.software)
    (stub,) = place.prefix.glob("lib/python3*/site-packages/numpy*")
    assert stub.name == f"numpy-{version}.dist-info"
    assert (stub / "INSTALLER").read_text() == "stackenv\n"


@pytest.mark.parametrize("command", ["a newer", "what needs a newer"])
def test_a_newer_numpy_is_refused(place: Place, inside: dict[str, Answer], command: str) -> None:
    refused, version = inside[command], inside["import"].out.split()[0]
    assert refused.status == 1, refused
    sentence = refused.err.splitlines()[-1]
    assert sentence.startswith("stackenv: ")
    assert f"numpy {version} ({place.user.stack.bundle_module})" in sentence
    assert sentence.endswith(": stackenv edit it/1.0 --allow-shadow numpy")
    assert inside["import again"] == inside["import"]


@pytest.mark.parametrize("program", ["uv", "pip"])
def test_check_is_clean_and_numpy_is_listed_once(inside: dict[str, Answer], program: str) -> None:
    check, listed = inside[f"check by {program}"], inside[f"list by {program}"]
    assert check.status == 0, check
    assert listed.status == 0, listed.err
    found = [package["version"] for package in json.loads(listed.out) if package["name"] == "numpy"]
    assert found == [inside["import"].out.split()[0]]


@pytest.mark.some_stacks
def test_builds_see_the_numpy_they_ask_for(place: Place) -> None:
    built = place.ask("ml it", BUILT)
    assert [answer.status for answer in built.values()] == [0, 0, 0], [a.err for a in built.values()]
    version, path = built["import"].out.split()
    assert path.startswith(place.user.stack.software)
    assert built["another"].out.strip() == "2.1.1"
    assert built["the module's"].out.strip() == version


@pytest.mark.some_stacks
@pytest.mark.parametrize("command", OUTSIDE)
def test_uv_outside_the_environment_acts_as_without_stackenv(
    outside: tuple[dict[str, Answer], dict[str, Answer]], command: str
) -> None:
    with_module, without = outside[0][command], outside[1][command]
    assert with_module == without
    if command in SATISFIED:
        assert without.status == 0, without.err
        assert "numpy-2.1.1.dist-info" in without.there
