"""What the environment's own `uv` adds to uv's messages: which package of the modules caused a conflict."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from stacked import Stack
from users import User, make_user
from uvs import UVS
from wheels import make_wheel

SHELLS = ("dash", "bash", "mksh", "ksh93")
# A project whose requirements only its build knows; it records each build, and can be made to fail.
BACKEND = """\
import os
open(os.path.expanduser("~/builds"), "a").write("built\\n")
def prepare_metadata_for_build_wheel(folder, config=None):
    if os.path.exists(os.path.expanduser("~/fails")):
        raise SystemExit("no compiler")
    name = "dynamic-1.0.dist-info"
    os.makedirs(os.path.join(folder, name))
    with open(os.path.join(folder, name, "METADATA"), "w") as file:
        file.write("Metadata-Version: 2.1\\nName: dynamic\\nVersion: 1.0\\nRequires-Dist: numpy>=2\\n")
    return name
def build_wheel(*_, **__):
    raise SystemExit("never")
"""
PYPROJECT = """\
[project]
name = "dynamic"
version = "1.0"
dynamic = ["dependencies"]
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
FILES = {
    "configuration/uv.toml": "no-index = true\n",
    "two.in": "wants-numpy-two\n",
    "two.txt": "numpy==2.1.1\n",
    "six.txt": "six==1.17.0\n",
    "dynamic/backend.py": BACKEND,
    "dynamic/pyproject.toml": PYPROJECT,
}
# The commands, and the pinned package that each conflicts with.
EXPLAINED = (
    ("pip install wants-numpy-two", "numpy 1.25.1"),
    ("pip install -q 'numpy>=2'", "numpy 1.25.1"),
    ("pip install -U --no-cache --color always 'numpy>=2'", "numpy 1.25.1"),
    ("pip install --dry-run 'packaging<20'", "packaging 23.1"),
    ("pip install -r two.txt", "numpy 1.25.1"),
    ("pip sync two.txt", "numpy 1.25.1"),
    ("pip compile two.in", "numpy 1.25.1"),
    ("pip compile -qo out.txt two.in", "numpy 1.25.1"),
    ("pip compile two.in --output-file out.txt", "numpy 1.25.1"),
    ("pip install ./dynamic", "numpy 1.25.1"),
)
# Commands that fail for another reason, or that cannot be explained; and their status.
LEFT_ALONE = (
    ("uv pip install missing", 1),
    ("uv pip install missing wants-numpy-two", 1),
    # An index that cannot be reached.
    ("env -u UV_CONFIG_FILE uv pip install --index-url http://127.0.0.1:9/ --no-cache missing", 2),
    ("env -u UV_CONFIG_FILE uv pip install --offline --index-url http://127.0.0.1:9/ missing numpy", 1),
    ("uv pip install --no-such-option six", 2),
    ("uv pip install -r - <two.txt", 1),
    ("uv pip install -r <(cat two.txt)", 1),
)


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory, one_stack: Stack) -> User:
    """Return a user with an environment and wheels that need numpy, who has no package index."""

    user = make_user(tmp_path_factory.mktemp("uv-explained"), one_stack)
    made = user.stackenv("create", "it", load=[one_stack.bundle_module])
    assert made.returncode == 0, made.stderr
    for name, text in FILES.items():
        (user.home / name).parent.mkdir(exist_ok=True)
        (user.home / name).write_text(text)
    make_wheel(user.home / "wheels", "wants-numpy-two", "1.0", ["numpy>=2"])
    make_wheel(user.home / "wheels", "packaging", "19.0")
    find_links = f"{one_stack.wheels},{user.home}/wheels"
    environ = {
        **user.environ,
        "UV_FIND_LINKS": find_links,
        "UV_CONFIG_FILE": f"{user.home}/configuration/uv.toml",
    }
    # Some tests ask an index that cannot be reached.
    asking = {"UV_OFFLINE": "0", "UV_HTTP_RETRIES": "0"}
    return User(user.home, {**environ, "UV_PYTHON_DOWNLOADS": "never", **asking}, one_stack)


def in_environment(owner: User, uv: str, script: str, **changes: str) -> subprocess.CompletedProcess[str]:
    path = f"export PATH={UVS[uv]}:/usr/bin:/bin; BIN_UV=~/venvs/it-1.0/bin/uv\n"
    return owner.run(f"{path} module use ~/modules; ml it || exit 99\n{script}", **changes)


def read_own(said: str) -> list[str]:
    return [line for line in said.splitlines() if line.startswith("stackenv: ")]


def list_stubs(owner: User) -> list[str]:
    return sorted({path.parent.name.partition("-")[0] for path in read_stubs(owner)})


def read_stubs(owner: User) -> dict[Path, tuple[bytes, int]]:
    """Return the files of the stubs, with their contents and modes."""
    installers = (owner.home / "venvs/it-1.0").glob("lib/python3*/site-packages/*.dist-info/INSTALLER")
    stubs = [path.parent for path in installers if path.read_text() == "stackenv\n"]
    return {f: (f.read_bytes(), f.stat().st_mode) for stub in stubs for f in stub.iterdir()}


def explain(owner: User, package: str) -> str:
    return (
        "stackenv: this conflicts with packages that it/1.0 pins to the versions of its modules: "
        f"{package} ({owner.stack.bundle_module}); hint: to install another version in this "
        f"environment alone, first run: stackenv edit it/1.0 --allow-shadow {package.split()[0]}"
    )


@pytest.mark.parametrize("uv", UVS)
def test_a_conflict_with_the_modules_is_explained_after_uvs_message(owner: User, uv: str) -> None:
    script = "\n".join(f"uv {words}; echo $? >&2; echo END >&2" for words, _ in EXPLAINED)
    done = in_environment(owner, uv, script)
    for said, (words, package) in zip(done.stderr.split("END\n"), EXPLAINED):
        assert "No solution found" in said, words
        assert said.splitlines()[-2:] == [explain(owner, package), "1"], words
        assert len(read_own(said)) == 1, words
    assert done.stdout == "" and not (owner.home / "out.txt").exists()
    assert list_stubs(owner) == ["numpy", "packaging"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_conflict_is_explained_in_each_shell(owner: User, shell: str) -> None:
    done = in_environment(owner, "newest", f"{shell} $BIN_UV pip install 'numpy>=2'", FORCE_COLOR="1")
    assert (done.returncode, read_own(done.stderr)) == (1, [explain(owner, "numpy 1.25.1")]), done.stderr


@pytest.mark.parametrize("uv", UVS)
def test_other_failures_are_not_explained(owner: User, uv: str) -> None:
    script = "\n".join(f"{command}; echo $?" for command, _ in LEFT_ALONE)
    done = in_environment(owner, uv, script)
    assert done.stdout.split() == [str(status) for _, status in LEFT_ALONE], done.stderr
    assert read_own(done.stderr) == []


def test_a_failed_build_of_metadata_is_tried_once_more(owner: User) -> None:
    """A failed build of the metadata is tried once more; a failed build of the package is not."""
    (owner.home / "fails").touch()
    (owner.home / "builds").unlink(missing_ok=True)
    alone = in_environment(owner, "newest", "PATH=${PATH#*venvs/it-1.0/bin:}; uv pip install ./dynamic")
    builds = (owner.home / "builds").read_text().count("built")
    (owner.home / "builds").unlink()
    done = in_environment(owner, "newest", "uv pip install ./dynamic")
    assert (alone.returncode, done.returncode, read_own(done.stderr)) == (1, 1, [])
    assert (owner.home / "builds").read_text().count("built") == 2 * builds
    (owner.home / "fails").unlink()


@pytest.mark.parametrize("uv", UVS)
def test_standard_input_reaches_uv_and_its_output_is_unchanged(owner: User, uv: str) -> None:
    """Also when standard input is closed, and with another descriptor of the caller."""
    script = """\
echo packaging | uv pip compile -q --no-header --no-annotate -
echo six | uv pip install -qr -
uv pip freeze
uv pip compile -q --no-header --no-annotate six.txt <&- && echo closed
echo 'six<1.17' | uv pip compile -q --no-header --no-annotate -c /dev/fd/7 six.txt 7<&0 || echo $?
uv pip uninstall -q six
"""
    done = in_environment(owner, uv, script)
    assert done.stdout.splitlines() == [
        "packaging==23.1",
        *("numpy==1.25.1", "packaging==23.1", "six==1.17.0"),
        *("six==1.17.0", "closed"),
        "1",
    ], done.stderr


BACK = (
    "stackenv: {} of the packages that uv removed come with the modules of it/1.0 and are still "
    "available; hint: to install another version of one, first run: stackenv edit it/1.0 --allow-shadow "
    "PACKAGE\n"
)
LOST = (
    "stackenv: uv no longer sees all packages of the modules of it/1.0 and may install generic builds of "
    "them; hint: stackenv edit it/1.0 --refresh\n"
)


# Commands that may remove stubs, with different ways to read requirements.
TAKING = (
    "uv pip sync -q six.txt",
    "uv pip sync -q --link-mode copy --index-strategy first-index --python-version 3.11 six.txt",
    "uv pip sync -q only.txt",
    "cd configuration; uv --directory .. pip sync -q six.txt",
    "echo six | uv pip sync -q -",
    "uv pip install -q --exact six",
    "uv pip freeze -q | grep -v six | uv pip uninstall -q -r -",
    "uv pip uninstall -q --requirements outer.txt",
)


@pytest.mark.parametrize("uv", UVS)
def test_stubs_that_uv_removes_are_put_back_unchanged(owner: User, uv: str) -> None:
    (owner.home / "only.txt").write_text("-r six.txt\n")
    (owner.home / "outer.txt").write_text("wants-numpy-two\n-r inner.txt\n")
    (owner.home / "inner.txt").write_text("numpy\npackaging\n")
    before = read_stubs(owner)
    script = "uv pip install -q --no-deps wants-numpy-two six"
    script = "\n".join(
        f"{script}; ({command}); echo $? >&2; uv pip freeze; echo END >&2" for command in TAKING
    )
    done = in_environment(owner, uv, f"umask 077\n{script}")
    assert done.stdout.splitlines() == ["numpy==1.25.1", "packaging==23.1", "six==1.17.0"] * len(TAKING)
    for said, command in zip(done.stderr.split("END\n"), TAKING):
        assert (read_own(said), "\n0\n" in said) == ([BACK.format(2).rstrip()], True), command
    assert read_stubs(owner) == before
    assert not list((owner.home / "venvs/it-1.0/stackenv").glob("stubs.*"))


@pytest.mark.parametrize("shell", SHELLS)
def test_stubs_that_uv_removes_are_put_back_in_each_shell(owner: User, shell: str) -> None:
    done = in_environment(
        owner, "newest", f"{shell} $BIN_UV pip sync -q six.txt; uv pip sync --dry-run six.txt"
    )
    assert read_own(done.stderr) == [BACK.format(2).rstrip()] and list_stubs(owner) == ["numpy", "packaging"]


def test_all_stubs_are_saved_and_put_back_by_one_process_each(owner: User, tmp_path: Path) -> None:
    """A process per stub would take seconds."""
    trace = tmp_path / "trace"
    done = in_environment(
        owner, "newest", f"strace -f -e trace=execve -o {trace} $BIN_UV pip sync -q six.txt"
    )
    assert read_own(done.stderr) == [BACK.format(2).rstrip()]
    lines = [line for line in trace.read_text().splitlines() if "execve(" in line and line.endswith("= 0")]
    programs = [line.partition('"')[2].partition('"')[0].rpartition("/")[2] for line in lines]
    assert [programs.count(name) for name in ("find", "mkdir", "cp", "mv", "rm")] == [1] * 5, programs


@pytest.mark.parametrize("program", ["cp", "mv"])
def test_stubs_lost_to_a_failing_program_are_reported(owner: User, program: str) -> None:
    (owner.home / "failing").mkdir(exist_ok=True)
    file = owner.home / "failing" / program
    file.write_text("#!/bin/sh\nexit 1\n")
    file.chmod(0o755)
    done = in_environment(owner, "newest", "PATH=~/failing:$PATH uv pip sync -q six.txt")
    file.unlink()
    assert (done.returncode, done.stderr, list_stubs(owner)) == (0, LOST, [])
    assert not list((owner.home / "venvs/it-1.0/stackenv").glob("stubs.*"))
    assert owner.stackenv("edit", "it", "--refresh").returncode == 0
    assert list_stubs(owner) == ["numpy", "packaging"]


def test_saved_stubs_of_a_killed_uv_are_removed_after_a_day(owner: User) -> None:
    """Not at once, because a process may still run on another node, which cannot be seen from here."""
    kept = owner.home / "venvs/it-1.0/stackenv"
    for name, days in (("old.1", 2), ("new.1", 0)):
        (kept / f"stubs.{name}/numpy-1.dist-info").mkdir(parents=True)
        then = time.time() - days * 86400
        os.utime(kept / f"stubs.{name}", (then, then))
    done = in_environment(owner, "newest", "uv pip sync -q six.txt")
    assert read_own(done.stderr) == [BACK.format(2).rstrip()]
    assert [path.name for path in kept.glob("stubs.*")] == ["stubs.new.1"]
    shutil.rmtree(kept / "stubs.new.1")


@pytest.mark.parametrize("uv", UVS)
def test_a_numpy_of_the_user_removed_by_sync_gets_no_stub(owner: User, uv: str) -> None:
    """Allowed, installed, and forbidden again: numpy has no stub then, and sync must not add one."""
    assert owner.stackenv("edit", "it", "--allow-shadow", "numpy").returncode == 0
    in_environment(owner, uv, "uv pip install -q numpy==2.1.1")
    assert owner.stackenv("edit", "it", "--forbid-shadow", "numpy").returncode == 0
    done = in_environment(owner, uv, "uv pip freeze; uv pip sync -q six.txt; uv pip freeze")
    assert done.stdout.splitlines() == [
        *("numpy==2.1.1", "packaging==23.1", "six==1.17.0"),
        *("packaging==23.1", "six==1.17.0"),
    ]
    assert read_own(done.stderr) == [BACK.format(1).rstrip()]
    assert owner.stackenv("edit", "it", "--refresh").returncode == 0
    assert list_stubs(owner) == ["numpy", "packaging"]


@pytest.mark.parametrize("uv", UVS)
def test_syncing_an_empty_file_removes_nothing(owner: User, uv: str) -> None:
    for command in (
        "uv pip sync /dev/null",
        "uv pip sync - </dev/null",
        ": >empty.txt; uv pip sync empty.txt",
    ):
        done = in_environment(owner, uv, f"uv pip install -q six; {command}; uv pip freeze")
        assert done.stdout.splitlines() == ["numpy==1.25.1", "packaging==23.1", "six==1.17.0"], command
        assert "No requirements found" in done.stderr and read_own(done.stderr) == []


@pytest.mark.parametrize("uv", UVS)
def test_a_conflict_with_a_missing_version_still_names_the_module(owner: User, uv: str) -> None:
    """As after an update of the module that the environment has not noticed yet."""
    said = (
        "stackenv: it/1.0 pins these packages to the versions of its modules: "
        f"numpy 1.25.1 ({owner.stack.bundle_module}); "
        "hint: to see if a module has changed: stackenv check it/1.0"
    )
    for words in ("numpy==1.25.2", "'numpy<1.25.1' wants-numpy-two"):
        done = in_environment(owner, uv, f"uv pip install {words}")
        assert (done.returncode, read_own(done.stderr)) == (1, [said]), done.stderr


@pytest.mark.parametrize("uv", UVS)
def test_reinstall_in_uv_toml_does_not_replace_a_stub(owner: User, uv: str) -> None:
    file = owner.home / "configuration/again.toml"
    file.write_text("no-index = true\n[pip]\nreinstall = true\n")
    done = in_environment(owner, uv, "uv pip install -q numpy; echo $?", UV_CONFIG_FILE=str(file))
    assert (done.stdout, done.stderr, list_stubs(owner)) == ("0\n", "", ["numpy", "packaging"])


@pytest.mark.parametrize("uv", UVS)
def test_a_pylock_refused_by_uv_gets_a_hint_to_use_requirements(owner: User, uv: str) -> None:
    done = in_environment(owner, uv, "uv pip compile -q six.txt -o pylock.toml; uv pip sync pylock.toml")
    assert done.returncode == 2 and "with a `pylock.toml`" in done.stderr
    assert read_own(done.stderr) == [
        "stackenv: uv accepts no constraints with a pylock.toml, and without them it could replace packages "
        "of the modules of it/1.0; hint: use a requirements.txt: uv pip compile --output-file "
        "requirements.txt SOURCE"
    ]
