"""Mounts of packed environments, one per job or session: reused, restored when lost, or refused."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from packing import (
    Shell,
    empty_node,
    in_job,
    kill,
    list_mounts,
    list_squashfuses,
    load,
    make_packing_user,
    require_fuse,
    unmounting,
)
from stacked import Stack
from users import User

IMPORT = "python -c 'import Bio; print(Bio.__file__)'"


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory, one_stack: Stack) -> Iterator[User]:
    """Return a user with a packed environment, in a home with a space in its name."""
    require_fuse()
    folder = tmp_path_factory.mktemp("mounts")
    with unmounting(folder):
        user = make_packing_user(folder, one_stack)
        place = user.home / "my venvs/bio"
        made = user.stackenv(
            "create", "bio", "biopython", "--path", str(place), load=[one_stack.bundle_module]
        )
        assert made.returncode == 0, made.stderr
        done = user.stackenv("pack", "bio")
        assert done.returncode == 0, done.stderr
        yield user


@pytest.fixture
def node(owner: User) -> Iterator[Path]:
    """Return the mount folder of a node on which nothing is mounted yet."""
    folder = owner.home.parent / "node"
    yield folder
    empty_node(folder)


def test_simultaneous_loads_share_one_mount(owner: User, node: Path) -> None:
    both = (
        f"export SLURM_JOB_ID=7; module use {owner.modules}; for i in 1 2 3 4 5 6; do "
        f"( module load bio && {IMPORT} ) & done; wait"
    )
    done = owner.run(both)
    assert len(set(done.stdout.splitlines())) == 1, done.stderr
    assert len(done.stdout.splitlines()) == 6
    assert len(list_mounts(node)) == len(list_squashfuses(node)) == 1


def test_each_job_or_step_has_its_mount_and_a_step_reuses_the_batch_steps(owner: User, node: Path) -> None:
    step = load(owner, IMPORT, **in_job(1, "0"))
    batch = load(owner, IMPORT, **in_job(1))
    later = load(owner, IMPORT, **in_job(1, "1"))
    other = load(owner, IMPORT, **in_job(2))
    places = [Path(done.stdout).parts[len(node.parts) + 1] for done in (step, batch, later, other)]
    assert places == ["job-1-0", "job-1-batch", "job-1-batch", "job-2-batch"]
    assert len(list_squashfuses(node)) == 3


@pytest.fixture
def open_shell(owner: User, node: Path) -> Iterator[Callable[..., Shell]]:
    shells: list[Shell] = []

    def open_one(**environ: str) -> Shell:
        shells.append(Shell(owner, **environ))
        return shells[-1]

    yield open_one
    for shell in shells:
        shell.close()


def start_lazy(shell: Shell, module: str, folder: Path) -> Callable[[], None]:
    """Start a Python in `shell` that imports Bio and waits, with its output on descriptor 5.

    Return a function that makes it continue, import `module` and print it.
    """
    go = folder / "go"
    wait = f"for _ in range(3000):\n    if os.path.exists('{go}'):\n        break\n    time.sleep(0.02)"
    script = folder / "lazy.py"
    script.write_text(
        f"import Bio, os, time\nprint('begun', flush=True)\n{wait}\nimport {module} as m\nprint(m)\n"
    )
    assert shell.run(f"exec 5< <(python {script}); read -r begun <&5; echo $begun") == "begun"
    return go.touch


def test_the_end_of_a_job_does_not_break_the_mount_of_another_job(
    node: Path, open_shell: Callable[..., Shell], tmp_path: Path
) -> None:
    first = open_shell(**in_job(1))
    first.run(IMPORT)
    of_first = list_squashfuses(node)
    second = open_shell(**in_job(2))
    go_on = start_lazy(second, "Bio.Seq", tmp_path)
    kill(of_first)
    go_on()
    assert "job-2-batch" in second.run("cat <&5")
    assert "job-2-batch" in second.run(IMPORT)


def test_a_mount_left_by_a_killed_squashfuse_is_replaced_on_load(owner: User, node: Path) -> None:
    assert load(owner, IMPORT, **in_job(3)).returncode == 0
    kill(list_squashfuses(node))
    assert len(list_mounts(node)) == 1
    again = load(owner, IMPORT, **in_job(3))
    assert again.returncode == 0, again.stderr
    assert len(list_squashfuses(node)) == len(list_mounts(node)) == 1


def test_mounts_of_ended_jobs_are_removed_by_the_next_mount(owner: User, node: Path) -> None:
    for number in (11, 12):
        assert load(owner, IMPORT, **in_job(number)).returncode == 0
    kill(list_squashfuses(node))
    assert len(list_mounts(node)) == 2
    assert load(owner, IMPORT, **in_job(13)).returncode == 0
    assert [Path(place).parent.name for place in list_mounts(node)] == ["job-13-batch"]


def test_the_mount_of_an_ended_process_session_is_removed_unless_in_use(owner: User, node: Path) -> None:
    if Path("/proc/self/sessionid").read_text().strip() != "4294967295":
        pytest.skip("a login's session is known here")
    leave = f"module use {owner.modules}; module load bio; {IMPORT}"
    init = Path(owner.environ["LMOD_CMD"]).parents[1] / "init/bash"
    owner.run(f"setsid --wait bash --norc --noprofile -c '. {init}; {leave.replace(chr(39), chr(34))}'")
    (left,) = list_mounts(node)
    using = subprocess.Popen(["sleep", "60"], cwd=left)
    assert load(owner, IMPORT, **in_job(14)).returncode == 0
    assert left in list_mounts(node)
    using.kill()
    using.wait()
    assert load(owner, IMPORT, **in_job(15)).returncode == 0
    assert left not in list_mounts(node)


def test_a_mount_lost_after_the_load_is_restored_by_the_next_command(
    node: Path, open_shell: Callable[..., Shell]
) -> None:
    shell = open_shell(**in_job(4))
    shell.run(IMPORT)
    kill(list_squashfuses(node))
    assert "job-4-batch" in shell.run(IMPORT)


def test_the_image_is_mounted_again_after_an_unload_in_another_shell(
    node: Path, open_shell: Callable[..., Shell]
) -> None:
    one, two = open_shell(**in_job(5)), open_shell(**in_job(5))
    one.run(IMPORT)
    two.run("module unload bio")
    assert not list_mounts(node)
    assert "job-5-batch" in one.run(IMPORT)


def test_unload_keeps_a_mount_that_is_in_use(node: Path, open_shell: Callable[..., Shell]) -> None:
    one, two = open_shell(**in_job(6)), open_shell(**in_job(6))
    place = Path(one.run(IMPORT)).parents[3]
    one.run(f"cd {place}")
    assert two.run("module unload bio") == ""
    assert len(list_mounts(node)) == 1
    one.run("cd /")


def test_a_folder_left_by_a_crash_before_the_mount_is_reused(owner: User, node: Path) -> None:
    done = load(owner, IMPORT, **in_job(8))
    place = Path(done.stdout).parents[3]
    kill(list_squashfuses(node))
    subprocess.run(["umount", "-l", place.parent], check=False)
    for found in list_mounts(node):
        subprocess.run(["umount", "-l", found], check=True)
    (node / f"stackenv-{os.geteuid()}/job-8-batch").mkdir(exist_ok=True)
    again = load(owner, IMPORT, **in_job(8))
    assert again.stdout == done.stdout, again.stderr


def test_without_a_batch_system_the_mount_belongs_to_the_session(owner: User, node: Path) -> None:
    place = Path(load(owner, IMPORT).stdout).parts[len(node.parts) + 1]
    session = Path("/proc/self/sessionid").read_text().strip()
    named = f"login-{session}" if session != "4294967295" else f"processes-{os.getsid(0)}"
    assert place == named


def test_the_folder_of_mounts_is_accessible_to_the_user_alone(owner: User, node: Path) -> None:
    load(owner, IMPORT)
    assert (node / f"stackenv-{os.geteuid()}").stat().st_mode & 0o777 == 0o700


def test_a_mount_folder_that_belongs_to_another_user_is_refused(owner: User, node: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can give a folder away")
    folder = node / "stackenv-0"
    folder.mkdir()
    os.chown(folder, 12345, 12345)
    refused = load(owner, "true")
    assert refused.returncode == 70
    assert "belongs to another user" in refused.stderr.replace("\n", " ")
    assert not list_mounts(node)


@pytest.mark.parametrize(
    ("hidden", "words"),
    [
        (["/usr/bin/squashfuse", "/usr/bin/squashfuse_ll"], "squashfuse is not installed"),
        (["/dev/fuse"], "squashfuse_ll failed: "),
    ],
)
def test_a_load_without_fuse_fails_and_works_after_unpacking_to_tmpdir(
    owner: User, node: Path, tmp_path: Path, hidden: list[str], words: str
) -> None:
    if os.geteuid():
        pytest.skip("only root can hide a program from its own processes")
    script = tmp_path / "load.sh"
    script.write_text(
        "".join(f"mount --bind /dev/null {path} || exit 80\n" for path in hidden if Path(path).exists())
        + f'. "$1"; module use {owner.modules}; module load bio || exit 70; {IMPORT}\n'
    )
    init = Path(owner.environ["LMOD_CMD"]).parents[1] / "init/bash"
    on_the_node = f"unshare --mount bash --norc --noprofile {script} {init}"
    refused = owner.run(on_the_node)
    told = " ".join(refused.stderr.split())
    assert refused.returncode == 70, told
    assert words in told
    assert 'stackenv unpack bio/1.0 --to "$TMPDIR"' in told
    assert "permanently: stackenv unpack bio/1.0" in told
    unpacked = owner.stackenv("unpack", "bio", "--to", owner.environ["TMPDIR"])
    assert unpacked.returncode == 0, unpacked.stderr
    done = owner.run(on_the_node)
    assert done.stdout.startswith(owner.environ["TMPDIR"]), done.stderr
    assert not list_mounts(node)
    shutil.rmtree(next(Path(owner.environ["TMPDIR"]).glob("stackenv-*")))


def test_squashfuse_does_not_inherit_open_files_of_its_caller(owner: User, node: Path) -> None:
    lock = owner.home / "lock"
    opened = f"module use {owner.modules}; exec 8>{lock} 200>{lock}2; flock 8; flock 200; module load bio; "
    done = owner.run(f"{opened} exec 8>&- 200>&-; flock -n {lock} echo free; flock -n {lock}2 echo free")
    assert done.stdout == "free\nfree\n", done.stderr
    assert list_mounts(node)


def test_a_running_python_keeps_the_mount_when_another_shell_unloads(
    node: Path, open_shell: Callable[..., Shell], tmp_path: Path
) -> None:
    one, two = open_shell(**in_job(20)), open_shell(**in_job(20))
    go_on = start_lazy(one, "Bio.SeqUtils.CheckSum", tmp_path)
    two.run("module unload bio")
    go_on()
    assert "job-20-batch" in one.run("cat <&5")


def test_a_lost_mount_is_replaced_when_the_mount_folder_is_a_link(
    owner: User, node: Path, tmp_path: Path
) -> None:
    real = node.with_name("real-node")
    node.rename(real)
    node.symlink_to(real)
    try:
        assert load(owner, IMPORT, **in_job(21)).returncode == 0
        kill(list_squashfuses(real))
        again = load(owner, IMPORT, **in_job(21))
        assert again.returncode == 0, again.stderr
        kill(list_squashfuses(real))
    finally:
        for place in list_mounts(real):
            subprocess.run(["umount", "-l", place], check=True)
        node.unlink()
        real.rename(node)


def test_a_link_in_the_temporary_folder_is_not_followed(owner: User, node: Path) -> None:
    image = Path(load(owner, IMPORT, **in_job(22)).stdout).parents[4]
    link = Path(owner.environ["TMPDIR"], f"stackenv-{image.name}")
    link.symlink_to(image)
    done = load(owner, IMPORT, **in_job(22))
    link.unlink()
    assert done.stdout.startswith(str(node))


@pytest.mark.parametrize(
    "tool", ["stat", "mkdir", "chmod", "flock", "sha256sum", "env", "head", "squashfuse_ll"]
)
def test_a_command_of_the_environment_is_not_used_as_a_system_program(
    owner: User, node: Path, tmp_path: Path, tool: str
) -> None:
    (tmp_path / tool).symlink_to(owner.home / "my venvs/bio/stackenv/packed")
    done = load(owner, f"PATH={tmp_path}:$PATH; timeout 20 {IMPORT}", **in_job(23))
    assert "job-23-batch" in done.stdout, done.stderr
    shutil.rmtree(node / f"stackenv-{os.geteuid()}", ignore_errors=True)


def test_linked_commands_and_scripts_run_by_python_work_and_sourcing_is_refused(
    owner: User, node: Path, tmp_path: Path
) -> None:
    (tmp_path / "mypy").symlink_to(owner.home / "my venvs/bio/bin/python")
    assert load(owner, f"{tmp_path}/mypy -c 'import Bio; print(Bio.__file__)'").stdout.startswith(str(node))
    assert load(owner, 'python "$(command -v pip)" --version').stdout.startswith("pip ")
    sourced = load(owner, 'source "$VIRTUAL_ENV/bin/python"; echo still here')
    assert sourced.stdout == "still here\n"
    assert "cannot be sourced" in sourced.stderr
