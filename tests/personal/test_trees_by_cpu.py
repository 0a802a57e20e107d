"""Several software trees, one per CPU, with the same modules: at one path or at two.

The trees are two copies of a stack, and the nodes are this machine, which sees one tree or the other: by a
mount in a namespace, by a link that is changed, or by another MODULEPATH.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from stacked import Stack
from users import INIT, User, make_user

SEEN = (
    "python -c 'import os, numpy, Bio; "
    "print(os.path.realpath(os.__file__), os.path.realpath(numpy.__file__), Bio.__file__)'"
)
BY_CPU = """\
version: 1
personal:
  modules: "${HOME}/modules-${SITE_CPU}"
  environments: ["${HOME}/venvs-${SITE_CPU}"]
"""


def copy_tree(stack: Stack, place: Path, named: Path) -> None:
    """Copy the first generation of `stack` to `place`, with modulefiles in which its path is `named`."""
    old = str(Path(stack.software).parent)
    for module in (stack.python_module, stack.bundle_module):
        modulefile = place / f"modules/all/{module}.lua"
        shutil.copytree(Path(stack.software, module), place / "software" / module, symlinks=True)
        modulefile.parent.mkdir(parents=True)
        text = Path(stack.modulepath, f"{module}.lua").read_text()
        modulefile.write_text(text.replace(old, str(named)))


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory, one_stack: Stack) -> Path:
    """A folder with the trees `zen2` and `haswell`; in the modulefiles of both the path is `software.9`."""
    folder = tmp_path_factory.mktemp("trees")
    for cpu in ("zen2", "haswell"):
        copy_tree(one_stack, folder / cpu, folder / "software.9")
    return folder


Run = Callable[[str, str], subprocess.CompletedProcess[str]]


@pytest.fixture(params=["a link", "a mount"])
def on_node(request, trees: Path, tmp_path: Path, one_stack: Stack):
    """Return a user, and a function that runs a script as this user on the node of a CPU."""
    path = trees / "software.9"
    user = make_user(tmp_path, replace(one_stack, modulepath=f"{path}/modules/all"))

    def by_link(cpu: str, script: str) -> subprocess.CompletedProcess[str]:
        path.symlink_to(cpu)
        aside = [
            other.rename(f"{other}.away")
            for other in (trees / "zen2", trees / "haswell")
            if other.name != cpu
        ]
        try:
            return user.run(script)
        finally:
            path.unlink()
            for other in aside:
                other.rename(other.with_suffix(""))

    def by_mount(cpu: str, script: str) -> subprocess.CompletedProcess[str]:
        path.mkdir()
        try:
            inside = f"mount --bind '{trees}/{cpu}' '{path}' && exec bash --norc -c \"$SCRIPT\""
            init = f'. "{INIT}"\n'
            return subprocess.run(
                ["unshare", "--mount", "--propagation=private", "sh", "-c", inside],
                env={**user.environ, "SCRIPT": init + script},
                cwd=user.home,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            path.rmdir()

    if request.param == "a mount" and os.geteuid():
        pytest.skip("only root can mount")
    return user, by_link if request.param == "a link" else by_mount


def of_tree(trees: Path, name: str, user: User, output: str) -> bool:
    """Return whether what SEEN prints is in the tree `name`, and Bio in an environment of the user."""
    python, numpy, bio = output.split()
    inside = f"{trees}/{name}/software/"
    return (
        python.startswith(f"{inside}Python/")
        and numpy.startswith(f"{inside}SciPy-bundle/")
        and bio.startswith(f"{user.home}/venvs")
    )


def test_at_one_path_an_environment_uses_the_software_tree_of_each_node(on_node, trees, request) -> None:
    user, run = on_node
    bundle = user.stack.bundle_module
    made = run("zen2", f"module load {bundle}; stackenv create biopy biopython")
    assert made.returncode == 0, made.stderr
    for cpu in ("haswell", "zen2"):
        # In a namespace the path of the tree is that of its mount.
        name = cpu if "link" in request.node.name else "software.9"
        for way in (
            f"module use ~/modules; module load biopy; {SEEN}",
            f"~/venvs/biopy-1.0/bin/{SEEN}",
            f"stackenv run biopy -- {SEEN}",
            f"stackenv job biopy -- {SEEN} > ~/job; bash ~/job",
        ):
            used = run(cpu, way)
            assert used.stderr == "" and of_tree(trees, name, user, used.stdout), (way, used)
        used = run(
            cpu,
            "module use ~/modules; module load biopy; pip install --force-reinstall --no-deps six\n"
            "pip install numpy==2.1.1 >/dev/null 2>&1 || echo held",
        )
        assert "Successfully installed six-" in used.stdout and used.stdout.endswith("\nheld\n"), used.stderr
        checked = run(cpu, "stackenv check")
        assert checked.returncode == 0 and "no problems found" in checked.stdout + checked.stderr, (
            checked.stdout
        )
    refreshed = run("haswell", "stackenv edit biopy --refresh && stackenv check biopy")
    assert refreshed.returncode == 0, refreshed.stderr


@pytest.fixture(scope="module")
def two_paths(tmp_path_factory: pytest.TempPathFactory, one_stack: Stack) -> Path:
    """A folder with the trees `zen2` and `haswell`; each has its own path in its modulefiles."""
    folder = tmp_path_factory.mktemp("two-paths")
    for cpu in ("zen2", "haswell"):
        copy_tree(one_stack, folder / cpu, folder / cpu)
    return folder


@pytest.fixture
def at_login(two_paths: Path, tmp_path: Path, one_stack: Stack) -> tuple[User, Run]:
    """Return a user, and a function that runs a script as this user with the MODULEPATH of a CPU."""
    user = make_user(tmp_path, one_stack)

    def run(cpu: str, script: str) -> subprocess.CompletedProcess[str]:
        return user.run(script, MODULEPATH=f"{two_paths}/{cpu}/modules/all", SITE_CPU=cpu)

    return user, run


def test_at_two_paths_the_wrong_software_tree_is_reported_with_a_fix_that_works(at_login, two_paths) -> None:
    user, run = at_login
    made = run("zen2", f"module load {user.stack.bundle_module}; stackenv create biopy biopython")
    assert made.returncode == 0, made.stderr
    load = "module use ~/modules; module load biopy"
    same = run("zen2", f"{load}; {SEEN}; stackenv check biopy")
    assert same.returncode == 0 and same.stdout.count("\n") == 2, same.stdout + same.stderr
    assert "software tree" not in same.stderr
    other = run("haswell", f"{load}; {SEEN}; {SEEN}; stackenv check biopy")
    own, loaded = (f"{two_paths}/{cpu}/software/{user.stack.python_module}" for cpu in ("zen2", "haswell"))
    said = f"the loaded modules belong to the software tree of {loaded}, but the environment biopy/1.0"
    assert other.stderr.count(f"stackenv: {said} uses {own}; hint: stackenv check biopy/1.0\n") == 2
    assert "[other-tree]" in other.stdout
    # The command that check suggests.
    typed = next(
        line.partition("too: ")[2] for line in other.stdout.splitlines() if "create one for this tree" in line
    )
    load = "module use ~/modules; module load biopy-here"
    done = run("haswell", f"{typed} >create; {load}; {SEEN}; stackenv check biopy-here")
    seen = done.stdout.partition("\n")[0]
    assert of_tree(two_paths, "haswell", user, seen), done.stdout + done.stderr
    assert done.returncode == 0
    # On the first tree, check reports the same about the second environment.
    assert "[other-tree]" in run("zen2", "stackenv check biopy-here").stdout


def test_at_two_paths_a_folder_per_cpu_gives_an_environment_on_each_tree(
    at_login, two_paths, tmp_path
) -> None:
    user, run = at_login
    (tmp_path / "site.yaml").write_text(BY_CPU)
    user.environ["STACKENV_SITE_CONFIG"] = str(tmp_path / "site.yaml")
    made = run("zen2", f"module load {user.stack.bundle_module}; stackenv create biopy biopython")
    assert made.returncode == 0, made.stderr
    exported = run("zen2", "stackenv export biopy > biopy.yaml")
    assert exported.returncode == 0, exported.stderr
    again = run("haswell", "stackenv create biopy --from biopy.yaml")
    assert again.returncode == 0, again.stderr
    for cpu in ("zen2", "haswell"):
        used = run(cpu, f"module use ~/modules-$SITE_CPU; module load biopy; {SEEN}; stackenv check")
        assert used.returncode == 0, used.stdout + used.stderr
        assert of_tree(two_paths, cpu, user, used.stdout.splitlines()[0])
        bare = run(cpu, f"~/venvs-$SITE_CPU/biopy-1.0/bin/{SEEN}")
        assert of_tree(two_paths, cpu, user, bare.stdout), bare.stderr
        started = run(cpu, f"stackenv run biopy -- {SEEN}")
        assert of_tree(two_paths, cpu, user, started.stdout), started.stderr
