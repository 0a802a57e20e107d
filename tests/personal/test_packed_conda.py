"""Packed conda environments are mounted at their own path, only for a command and its children."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from built import SITE_CONFIGURATION, BuiltModules
from condas import CONDA, make_conda_user
from open_ways import open_way_to
from packing import list_mounts, require_fuse, unmounting
from squashfuses import list_squashfuses
from stacked import Stack
from trees import describe_tree
from users import User


@pytest.fixture(scope="module")
def owner(
    tmp_path_factory: pytest.TempPathFactory, one_stack: Stack, built_modules: BuiltModules
) -> Iterator[User]:
    """Return a user with two packed conda environments: a stand-in, and one created by conda."""
    require_fuse()
    folder = tmp_path_factory.mktemp("packed-conda")
    with unmounting(folder):
        user = make_conda_user(folder, one_stack, built_modules)
        (folder / "node").mkdir()
        (folder / "site.yaml").write_text(f"{SITE_CONFIGURATION}\npack:\n  mounts: {folder}/node\n")
        made = user.stackenv("create", "real", "--conda", "activating", "python")
        assert made.returncode == 0, made.stderr
        site = next((user.home / "conda/envs/real-1.0/lib").glob("python3*/site-packages"))
        (site / "pip_put_it_there.py").touch()
        (user.home / "plain.yml").write_text("dependencies: [plain]\n")
        (user.home / "named.yml").write_text("name: real-1.0\ndependencies: [plain]\n")
        for name in ("one", "real"):
            done = user.stackenv("pack", name)
            assert done.returncode == 0, done.stderr
        yield user


def prefix_of(owner: User, name: str = "one") -> Path:
    return owner.home / "conda/envs" / ("real-1.0" if name == "real" else name)


def load(user: User, commands: str, name: str = "one", **environ: str) -> subprocess.CompletedProcess[str]:
    return user.run(f"module use {user.modules}; module load {name} || exit 70; {commands}", **environ)


def wait_for_the_end_of_squashfuse(folder: Path) -> None:
    deadline = time.monotonic() + 30
    while list_squashfuses(folder):
        assert time.monotonic() < deadline, "squashfuse outlives its namespace"
        time.sleep(0.05)


def test_uv_is_refused_for_the_packed_environment_alone(owner: User) -> None:
    """It would write next to the image, where nothing is found; other environments have no constraint."""
    before = describe_tree(prefix_of(owner, "real"))
    refused = load(owner, "uv pip install six", "real")
    assert refused.returncode == 1
    assert "uv pip install was not run: real/1.0 is packed and cannot be changed" in refused.stderr
    assert "first run: stackenv unpack real" in refused.stderr
    assert describe_tree(prefix_of(owner, "real")) == before
    other = load(owner, "uv venv -q other && uv pip install --python other --no-index --dry-run six", "real")
    assert other.returncode == 0, other.stderr
    assert "UV_CONSTRAINT" not in load(owner, "printenv", "real").stdout


def test_commands_run_at_the_environments_own_path_which_only_they_see(owner: User) -> None:
    prefix = prefix_of(owner, "real")
    done = load(
        owner, f"python -c 'import sys; print(sys.prefix)'; ls {prefix}/lib; printenv CONDA_PREFIX", "real"
    )
    assert done.stdout.splitlines() == [str(prefix), str(prefix)], done.stderr
    assert "No such file or directory" in done.stderr
    assert not list_mounts(owner.home)


def test_loading_sets_activation_variables_and_unloading_unsets_conda_prefix(owner: User) -> None:
    done = load(owner, "python; printenv STACKENV_TEST_ONE; module unload one; printenv CONDA_PREFIX")
    assert done.stdout.splitlines() == ["python of one", "1"], done.stderr


def test_conda_activates_and_lists_a_packed_environment(owner: User) -> None:
    done = owner.run(f"module load {CONDA}; conda activate one && python; conda deactivate; conda env list")
    assert done.stdout.startswith("python of one\n"), done.stderr
    assert str(prefix_of(owner)) in done.stdout


def test_run_mounts_the_image_for_the_command_and_its_children(owner: User) -> None:
    script = "readlink /proc/self/ns/mnt; python; ls stackenv/environment.squashfs || python"
    done = owner.stackenv("run", "one", "--", "bash", "-c", f"cd {prefix_of(owner)}; {script}")
    outside = str(Path("/proc/self/ns/mnt").readlink())
    namespace, *rest = done.stdout.splitlines()
    assert namespace != outside
    assert rest == ["python of one", "python of one"], done.stderr


@pytest.mark.parametrize(("command", "status"), [("exit 3", 3), ("kill -TERM $$", -15), ("echo out", 0)])
def test_run_exits_with_the_commands_status_or_signal(owner: User, command: str, status: int) -> None:
    done = owner.stackenv("run", "one", "--", "bash", "-c", command)
    assert done.returncode in (status, 128 - status if status < 0 else status)


def test_squashfuse_ends_after_the_last_process_of_the_namespace(owner: User) -> None:
    assert load(owner, "python").returncode == 0
    wait_for_the_end_of_squashfuse(owner.home)


def test_pipes_and_substitutions_do_not_wait_for_squashfuse(owner: User) -> None:
    # A pipe that squashfuse kept open would close only when squashfuse ends, seconds later.
    before = time.monotonic()
    done = load(owner, 'x=$(python); echo "$x"; python | cat; wait', "one")
    assert done.stdout == "python of one\npython of one\n"
    assert time.monotonic() - before < 60


def test_conda_lists_and_exports_the_packages_of_a_packed_environment(owner: User) -> None:
    done = load(owner, "conda list; conda env export", "real")
    assert done.returncode == 0, done.stderr
    assert "activating" in done.stdout.partition("name:")[0]
    assert "- activating=" in done.stdout.partition("dependencies:")[2]


@pytest.mark.parametrize("command", ["install numpy", "remove --yes python", "update --all --yes"])
def test_conda_changes_are_refused_with_the_command_to_unpack(owner: User, command: str) -> None:
    before = describe_tree(prefix_of(owner))
    done = load(owner, f"conda {command}")
    assert done.returncode == 1
    assert "one/1.0 is packed and cannot be changed" in done.stderr
    assert "stackenv unpack one/1.0" in done.stderr
    assert describe_tree(prefix_of(owner)) == before


NAMED = [
    "conda install --yes -n one plain",
    "conda install -yn one plain",
    "conda --no-plugins install --yes --name=one plain",
    "conda -v remove --yes --prefix={at} python",
    "cd {at}/..; conda update --yes -p one --all",
    "conda env update -n=one -f plain.yml",
    "conda env update -p {at} -f plain.yml",
    "conda env config vars set -n one A=1",
    "conda rename -n one other-name",
    "conda rename -n third one --force --yes",
    "bash -c 'unset -f conda; conda install --yes -n one plain'",
    # For these, conda 24.7 reads neither of the marks that protect an environment.
    "conda install --yes -n one --no-pin plain",
    "conda install --yes -n one {at}/../plain-1.0-0.tar.bz2",
    "conda remove --yes -n one --force activating",
]
DELETED = [
    "conda env remove --yes -n one",
    "conda remove --yes -n one --all",
    "conda create --yes -n one plain",
    "conda create --yes -p {at} --clone third",
]


@pytest.mark.parametrize("command", NAMED + DELETED)
def test_conda_changes_are_refused_however_the_environment_is_named(owner: User, command: str) -> None:
    before = describe_tree(owner.home / "conda/envs")
    done = owner.run(f"module load {CONDA}; {command.format(at=prefix_of(owner))}")
    assert done.returncode == 1
    assert (
        done.stderr.startswith("stackenv: conda ")
        and "was not run: one/1.0 is packed and cannot be changed; hint: " in done.stderr
    )
    assert "first run: stackenv unpack one/1.0" in done.stderr
    assert ("to delete it: stackenv remove one/1.0" in done.stderr) is (command in DELETED)
    assert describe_tree(owner.home / "conda/envs") == before


@pytest.mark.parametrize(
    "command",
    [
        "conda env update -f named.yml",
        "conda activate real-1.0; conda env update -f plain.yml",
        "$CONDA_EXE install --yes -n real-1.0 plain",
        "$CONDA_EXE remove --yes -n real-1.0 pip",
    ],
)
def test_changes_that_only_conda_can_recognise_are_refused_by_conda_itself(owner: User, command: str) -> None:
    before = describe_tree(owner.home / "conda/envs")
    done = owner.run(f"module load {CONDA}; {command}")
    assert done.returncode == 1
    assert "real/1.0 is packed and cannot be changed; first run: stackenv unpack real/1.0" in done.stderr
    assert describe_tree(owner.home / "conda/envs") == before


def test_a_packed_environment_named_through_condarc_is_refused_too(owner: User, tmp_path: Path) -> None:
    (tmp_path / "far").symlink_to(prefix_of(owner))
    (owner.home / ".condarc").write_text(f"envs_dirs: [{tmp_path}]\n")
    done = owner.run(f"module load {CONDA}; conda env remove --yes -n far")
    (owner.home / ".condarc").unlink()
    assert done.returncode == 1
    assert "stackenv unpack one/1.0" in done.stderr
    assert prefix_of(owner).is_dir()


BY_MAMBA = {
    "install -y -n one plain": "install",
    "install -yp {at} plain": "install",
    "update --prefix={at} --all": "update",
    "remove -y -n one python": "remove",
    "env update -f named.yml": "env update",
    "env remove -y --name one": "env remove",
    "create -y -n one plain": "create",
}


@pytest.mark.parametrize("words", BY_MAMBA)
def test_mamba_changes_are_refused_too(owner: User, built_modules: BuiltModules, words: str) -> None:
    """Also for a name in a file: conda itself refuses that, by marks that mamba does not know."""
    before = describe_tree(owner.home / "conda/envs")
    done = owner.run(f"module load {built_modules.miniforge}; mamba {words.format(at=prefix_of(owner))}")
    assert done.returncode == 1
    name = "real/1.0" if "named" in words else "one/1.0"
    assert done.stderr.startswith(
        f"stackenv: mamba {BY_MAMBA[words]} was not run: {name} is packed and cannot be changed; "
    )
    assert describe_tree(owner.home / "conda/envs") == before


@pytest.mark.parametrize("shell", ["tcsh", "fish"])
@pytest.mark.parametrize("command", ["conda -v install --yes -n one plain", "conda rename -n one other-name"])
def test_tcsh_and_fish_refuse_conda_changes_too(owner: User, shell: str, command: str) -> None:
    init = Path(owner.environ["LMOD_CMD"]).parents[1] / "init"
    done = subprocess.run(
        [shell],
        env=owner.environ,
        cwd=owner.home,
        input=f"source {init}/{shell}\nmodule load {CONDA}\n{command}\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "stackenv unpack one/1.0" in done.stderr


def test_conda_cannot_write_to_a_mounted_image(owner: User) -> None:
    install = f"$CONDA_EXE install --yes --no-pin -p {prefix_of(owner, 'real')} plain"
    before = describe_tree(prefix_of(owner, "real"))
    done = load(owner, f"{prefix_of(owner, 'real')}/stackenv/packed run sh -c '{install}'", "real")
    assert done.returncode == 1
    assert "EnvironmentNotWritableError" in done.stderr
    assert describe_tree(prefix_of(owner, "real")) == before


@pytest.mark.parametrize(
    "command", ["conda install --help", "conda env config vars list -n one", "conda list -n one"]
)
def test_conda_commands_that_only_read_are_allowed(owner: User, command: str) -> None:
    done = load(owner, command)
    assert done.returncode == 0, done.stderr


def test_a_clone_has_the_contents_of_the_image_and_can_be_changed(owner: User) -> None:
    clone = owner.home / "conda/envs/clone"
    made = owner.run(f"module load {CONDA}; conda create --yes --quiet -n clone --clone real-1.0")
    assert made.returncode == 0, made.stderr
    assert not (clone / "stackenv/environment.squashfs").exists()
    assert not (clone / "conda-meta/pinned").exists()
    used = owner.run(
        f"module load {CONDA}; conda activate clone; conda install --yes --quiet plain || exit 71; "
        "plain-tool; python -c 'import pip_put_it_there, sys; print(sys.prefix)'"
    )
    assert used.stdout.endswith(f"plain-tool 1.0\n{clone}\n"), used.stderr


def test_conda_may_change_environments_that_are_not_packed(owner: User) -> None:
    made = owner.run(f"module load {CONDA}; conda create --yes --quiet --name plainenv plain")
    assert made.returncode == 0, made.stderr
    into = load(owner, "conda install --yes --quiet --name plainenv activating; conda list -n plainenv")
    assert "is packed" not in into.stderr
    assert "activating" in into.stdout
    outside = owner.run(f"module load {CONDA}; conda install --yes -p {prefix_of(owner)} plain")
    assert outside.returncode == 1
    assert "stackenv unpack one/1.0" in outside.stderr


def test_an_ordinary_user_needs_no_setuid_program(owner: User, tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("this user is one already")
    # On clusters /dev/fuse is open to all users; here only in a namespace of the test.
    script = tmp_path / "as_user.sh"
    init = Path(owner.environ["LMOD_CMD"]).parents[1] / "init/bash"
    script.write_text(
        f"mknod -m 666 {tmp_path}/fuse c 10 229 && mount --bind {tmp_path}/fuse /dev/fuse || exit 80\n"
        "mount --bind /dev/null /usr/bin/fusermount3 || exit 81\n"
        f'exec setpriv --reuid 4321 --regid 4321 --clear-groups bash -c \'. "{init}"; module use '
        f"{owner.modules}; module load one && python && id -u && grep CapEff /proc/self/status && "
        "python -c pass && cat /proc/self/uid_map'\n"
    )
    shared = subprocess.run(["chmod", "-R", "a+rwX", str(owner.home.parent)], check=True)
    assert shared.returncode == 0
    open_way_to(owner.home)
    done = owner.run(f"unshare --mount bash {script}")
    assert done.returncode == 0, done.stderr
    said, user, capabilities, *_ = done.stdout.splitlines()
    assert (said, user) == ("python of one", "4321")
    assert capabilities.split()[1].strip("0") == ""


def test_unpacking_in_place_or_to_a_folder_keeps_the_environment_working(owner: User) -> None:
    done = owner.stackenv("unpack", "one")
    assert done.returncode == 0, done.stderr
    assert load(owner, "python").stdout == "python of one\n"
    assert not (prefix_of(owner) / "stackenv/packed").exists()
    assert owner.stackenv("pack", "one").returncode == 0
    to = owner.stackenv("unpack", "one", "--to", owner.environ["TMPDIR"])
    assert to.returncode == 0, to.stderr
    wait_for_the_end_of_squashfuse(owner.home)
    assert load(owner, "python").stdout == "python of one\n"
    assert not list_squashfuses(owner.home)


# Creates one file, waits for another, and prints its namespace.
LOOK = """\
import os, pathlib, sys, time
pathlib.Path(sys.argv[1]).touch()
for _ in range(3000):
    if os.path.exists(sys.argv[2]):
        break
    time.sleep(0.02)
print(os.readlink("/proc/self/ns/mnt"))
"""


def test_commands_of_one_job_share_a_mount_and_a_namespace(owner: User, tmp_path: Path) -> None:
    wait_for_the_end_of_squashfuse(owner.home)
    (tmp_path / "look.py").write_text(LOOK)
    running = owner.run(
        f"module use {owner.modules}; module load real; cd {prefix_of(owner, 'real')}; mkdir {tmp_path}/up; "
        f"for i in 1 2 3 4 5 6; do python {tmp_path}/look.py {tmp_path}/up/$i {tmp_path}/go & done; "
        f"for _ in $(seq 3000); do set -- {tmp_path}/up/*; [ $# -lt 6 ] || break; sleep 0.02; done; "
        f"pgrep -cf '^[^ ]*squashfuse[^ ]* -f .*{owner.home}/.*real-1.0' >&2; touch {tmp_path}/go; wait",
        SLURM_JOB_ID="31",
    )
    spaces = running.stdout.splitlines()
    assert len(spaces) == 6, running.stderr
    assert len(set(spaces)) == 1
    assert running.stderr == "1\n"
    wait_for_the_end_of_squashfuse(owner.home)


def test_a_venv_on_a_packed_environment_has_its_own_prefix(owner: User) -> None:
    done = load(
        owner,
        "python -m venv --without-pip ~/on-it; ~/on-it/bin/python -c 'import sys; print(sys.prefix)'",
        "real",
    )
    assert done.stdout == f"{owner.home}/on-it\n", done.stderr


def test_a_deleted_working_directory_gives_no_traceback(owner: User) -> None:
    done = load(owner, "mkdir gone; cd gone; rmdir ../gone; python", "one")
    assert done.stdout == "python of one\n"
    assert "Traceback" not in done.stderr
