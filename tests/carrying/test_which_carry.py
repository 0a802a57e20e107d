"""Which environments carry their stack: packed, adopted, and colleagues' environments, but not all others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from answers import read_result
from needy_stack import KINDS, NeedleStack, describe_needle_stack, make_needle_stack, write_modules
from packing import make_packing_user, require_fuse, unmounting
from projects import GROUP, MEMBER, OWNER, Project, become_user, making_project
from stacked import Stack, open_stack
from traced_starts import Start, bare, start
from users import User

# The kernel describes the CPU by its features, and by one name for all of them.
CPUINFO, CPU_ALIAS = "/proc/cpuinfo", "/sys/devices/system/cpu/modalias"


@pytest.fixture(scope="module", params=KINDS)
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> NeedleStack:
    return make_needle_stack(tmp_path_factory, "eb5-pythonpath", request.param)


@pytest.fixture(scope="module")
def user(stack: NeedleStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    """Return a user whose packed environments are mounted in a folder of their own."""
    folder = tmp_path_factory.mktemp(stack.kind)
    with unmounting(folder):
        yield make_packing_user(folder, stack)


def require_carried(seen: Start, stack: NeedleStack, *exported: str) -> None:
    """Check that the start found the complete stack, printed nothing, and passed on the caller's variables.

    `exported` are variables set by a script that started Python.
    """
    assert (seen.needle, seen.said) == (10, [])
    assert str(seen.numpy).startswith(f"{stack.software}/{stack.numpy_module}/")
    assert [entry for entry in seen.child if entry.partition("=")[0] not in exported] == seen.given
    assert seen.interpreters == (2 if stack.kind == "needy" else 1)


def make(user: User, name: str, *options: str) -> Path:
    """Create the environment `name` on Needle/1.0; return its Python."""
    made = user.stackenv("create", name, *options, load=[user.stack.bundle_module])
    assert made.returncode == 0, made.stderr
    return user.home / f"venvs/{name}-1.0/bin/python"


def test_a_packed_environment_carries_its_stack_and_still_does_unpacked(
    user: User, stack: NeedleStack, tmp_path: Path
) -> None:
    require_fuse()
    python = make(user, "box", "six")
    packed = user.stackenv("pack", "box")
    assert packed.returncode == 0, packed.stderr
    seen = start(python, bare(user), tmp_path)
    assert seen.prefix.startswith(str(user.home.parent / "node"))
    # A script of sh, which sets PWD, mounts the image.
    require_carried(seen, stack, "PWD")
    assert user.stackenv("unpack", "box").returncode == 0
    require_carried(start(python, bare(user), tmp_path), stack)


MAKERS = (
    "uv venv -q -p python",
    "virtualenv -q --no-download -p $(command -v python)",
    "python -m venv",
    "python -m venv --copies",
)


@pytest.mark.each_value("stack", "maker")
@pytest.mark.parametrize("maker", MAKERS)
def test_an_adopted_venv_carries_its_stack(
    user: User, stack: NeedleStack, maker: str, tmp_path: Path
) -> None:
    name = maker.partition(" ")[0] + "-copies" * ("--copies" in maker)
    load = f"module load {stack.bundle_module}"
    made = user.run(f"{load}; {maker} ~/mine/{name} && stackenv adopt ~/mine/{name} {name}")
    assert made.returncode == 0, made.stderr
    require_carried(start(user.home / f"mine/{name}/bin/python", bare(user), tmp_path), stack)


def test_a_venv_adopted_with_no_pth_does_not_carry_its_stack(
    user: User, stack: NeedleStack, tmp_path: Path
) -> None:
    load = f"module load {stack.bundle_module}"
    made = user.run(f"{load}; uv venv -q -p python ~/mine/bare && stackenv adopt --no-pth ~/mine/bare bare")
    assert made.returncode == 0, made.stderr
    seen = start(user.home / "mine/bare/bin/python", bare(user), tmp_path)
    assert (seen.needle, seen.said, seen.interpreters) == ("No module named 'needle'", [], 1)


def test_an_environment_without_system_site_packages_carries_its_stack(
    user: User, stack: NeedleStack, tmp_path: Path
) -> None:
    python = make(user, "plain", "--no-system-site-packages")
    require_carried(start(python, bare(user), tmp_path), stack)


def test_create_no_carry_and_edit_carry_turn_carrying_off_and_on(
    user: User, stack: NeedleStack, tmp_path: Path
) -> None:
    python = make(user, "none", "--no-carry")
    for option in ("", "--carry", "--no-carry"):
        if option:
            done = user.stackenv("edit", "none", option, load=[stack.bundle_module])
            assert done.returncode == 0, done.stderr
        seen = start(python, bare(user), tmp_path)
        if option == "--carry":
            require_carried(seen, stack)
        else:
            (line,) = seen.said
            assert f"needs {stack.bundle_module} (not loaded)" in line
            assert (seen.needle, seen.interpreters) == ("No module named 'needle'", 1)


@pytest.fixture(scope="module", params=KINDS)
def project(request: pytest.FixtureRequest) -> Iterator[Project]:
    """A project whose owner has created the environment tool/1.0 on a stack that everyone can read."""

    def make_stack(folder: Path) -> Stack:
        below = open_stack("eb5-pythonpath")
        (folder / "stack").mkdir()
        write_modules(folder / "stack", below, request.param)
        return describe_needle_stack(folder / "stack", below, request.param)

    with making_project(make_stack) as project:
        load = f"module load {project.owner.stack.bundle_module}"
        done = project.as_owner(f"{load}; stackenv create --shared {project.root} tool")
        assert done.returncode == 0, done.stderr
        yield project


def start_in(project: Project, number: int, scratch: Path) -> Start:
    """Start the project's environment without modules as the user `number` of its group."""
    scratch.mkdir(exist_ok=True)
    os.chown(scratch, number, GROUP)
    owner = project.owner if number == OWNER else project.member
    python = project.root / "venvs/tool-1.0/bin/python"
    return start(python, bare(owner), scratch, become_user(number, GROUP))


def needle_stack_of(project: Project) -> NeedleStack:
    assert isinstance(project.owner.stack, NeedleStack)
    return project.owner.stack


def test_a_colleagues_environment_carries_its_stack(project: Project) -> None:
    for number in (OWNER, MEMBER):
        scratch = project.root.parent / f"scratch-{number}"
        require_carried(start_in(project, number, scratch), needle_stack_of(project))


def test_a_project_environment_carries_its_stack_after_a_colleagues_refresh(project: Project) -> None:
    load = f"module load {project.member.stack.bundle_module}"
    done = project.as_member(f"{load}; stackenv edit --shared {project.root} tool --refresh")
    assert done.returncode == 0, done.stderr
    for number in (OWNER, MEMBER):
        scratch = project.root.parent / f"scratch-{number}"
        require_carried(start_in(project, number, scratch), needle_stack_of(project))


def run_elsewhere(python: Path, user: User, folder: Path, mount: str) -> Start:
    """Start `python` without modules on a machine that the command `mount` has changed."""
    if os.geteuid():
        pytest.skip("to change what a process sees takes root")
    return start(python, bare(user), folder, ["unshare", "-m", "sh", "-c", f'{mount} && exec "$@"', "sh"])


def put_over(path: str, text: str, folder: Path) -> str:
    """Return the command that mounts a file with `text`, written to `folder`, over `path`."""
    file = folder / Path(path).name
    file.write_text(text)
    return f"mount --bind {file} {path}"


def test_nothing_is_carried_on_a_cpu_that_lacks_a_recorded_feature(user: User, tmp_path: Path) -> None:
    """The CPU is faked: files of the test are mounted over /proc/cpuinfo and the kernel's modalias."""
    python = make(user, "fast")
    lines = Path(CPUINFO).read_text().splitlines(keepends=True)
    recorded = json.loads((python.parents[1] / "stackenv/record.json").read_text())["carried"]
    first, *others = recorded["cpu_features"]
    renamed = put_over(CPU_ALIAS, "cpu:another", tmp_path)
    for flags, said in ((" ".join(others), f"this one lacks {first};"), ("", "this one is unknown: ")):
        text = "".join(f"flags\t\t: {flags}\n" if line.startswith("flags") else line for line in lines)
        mount = f"{renamed} && {put_over(CPUINFO, text, tmp_path)}"
        seen = run_elsewhere(python, user, tmp_path, mount)
        assert (seen.needle, seen.interpreters) == ("No module named 'needle'", 1)
        (line,) = seen.said
        assert f"its modules were loaded on the CPU {recorded['cpu']}; {said}" in line, line
        assert line.startswith("stackenv: ") and line.endswith("module load fast/1.0"), line


# Makes archspec and the kernel name another CPU of this family: the one with the most features missing here.
ANOTHER_CPU = """\
import sys
import archspec.cpu
from stackenv.environments import carried, platform
here = archspec.cpu.host()
others = [t for t in archspec.cpu.TARGETS.values() if t.family == here.family]
has = set(open("/proc/cpuinfo").read().split())
lacks = lambda target: set(target.features) & platform.INSTRUCTION_SETS - has
newest = max(others, key=lambda target: len(lacks(target)))
archspec.cpu.host = lambda: newest
carried.read_cpu_alias = lambda: "cpu:another"
print(newest.name, sorted(lacks(newest))[0])
from stackenv.cli.start import main
sys.argv = ["stackenv", "create", "answered", "-m", sys.argv[1]]
main()
"""


def test_nothing_is_carried_when_the_record_names_a_newer_cpu(
    user: User, stack: NeedleStack, tmp_path: Path
) -> None:
    """The newer CPU is faked: archspec's answer is replaced while the environment is created."""
    made = subprocess.run(
        [sys.executable, "-c", ANOTHER_CPU, stack.bundle_module],
        env=user.environ,
        cwd=user.home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    name, lacking = made.stdout.splitlines()[0].split()
    seen = start(user.home / "venvs/answered-1.0/bin/python", bare(user), tmp_path)
    assert (seen.needle, seen.interpreters) == ("No module named 'needle'", 1)
    (line,) = seen.said
    assert f"its modules were loaded on the CPU {name}; this one lacks " in line and lacking in line, line
    assert line.startswith("stackenv: ") and line.endswith("module load answered/1.0"), line
    (found,) = read_result(user.stackenv("check", "answered", "--json").stdout)
    assert found["rule"] == "carrying" and name in found["what"], found


def test_the_stack_is_carried_if_the_cpus_name_or_features_match(
    user: User, stack: NeedleStack, tmp_path: Path
) -> None:
    """The name and the features are faked one at a time, by mounted files of the test."""
    python = make(user, "renamed")
    for path, text in ((CPU_ALIAS, "cpu:another"), (CPUINFO, "flags : none\n")):
        seen = run_elsewhere(python, user, tmp_path, put_over(path, text, tmp_path))
        # The shell that mounts the file sets PWD.
        require_carried(seen, stack, "PWD")


def test_nothing_is_carried_in_a_container_without_the_modulefiles(
    user: User, stack: NeedleStack, tmp_path: Path
) -> None:
    python = make(user, "away")
    empty = tmp_path / "empty"
    empty.mkdir()
    seen = run_elsewhere(python, user, tmp_path, f"mount --bind {empty} {stack.folder}")
    assert (seen.needle, seen.interpreters) == ("No module named 'needle'", 1)
    (line,) = seen.said
    assert line.startswith("stackenv: ") and stack.bundle_module in line, line


def test_a_container_without_the_software_finds_no_packages_and_prints_nothing(
    user: User, stack: NeedleStack, tmp_path: Path
) -> None:
    python = make(user, "half")
    empty = tmp_path / "empty"
    empty.mkdir()
    hidden = Path(stack.needle_packages)
    seen = run_elsewhere(python, user, tmp_path, f"mount --bind {empty} {hidden}")
    assert seen.needle == "No module named 'needle'"
    # The same as with the module loaded: neither Lmod nor Python checks whether the named folders exist.
    assert seen.said == []


def test_a_start_writes_nothing_to_the_environment(user: User, tmp_path: Path) -> None:
    python = make(user, "quiet")
    folder = python.parents[1]
    start(python, bare(user), tmp_path)
    before = {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}
    start(python, bare(user), tmp_path)
    assert {path: path.lstat().st_mtime_ns for path in folder.rglob("*")} == before
    subprocess.run([python, "-c", "pass"], env={}, check=True)
