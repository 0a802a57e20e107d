"""A conda module of the same name in a software tree for each type of CPU, at two paths and at one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from built import LMOD
from copied_installations import copy_bare_installation, install_by_hand
from dialects import DIALECTS

MODULE = "Miniforge3/24.7.1-2"
START = DIALECTS["bash"].start(LMOD)
ACTIVE = "conda activate base; echo $CONDA_PREFIX"


@pytest.fixture(scope="module")
def trees(built_modules, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the trees `zen2` and `haswell`, each with a module that `stackenv site install` wrote."""
    folder = tmp_path_factory.mktemp("trees")
    for cpu in ("zen2", "haswell"):
        copy_bare_installation(Path(built_modules.software, MODULE), folder / cpu / "software" / MODULE)
        install_by_hand(folder / cpu, Path(MODULE))
    return folder


def in_bash(script: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "--norc", "--noprofile", "-c", f"{START}\n{script}"],
        env={"HOME": "/nonexistent", "PATH": "/usr/bin:/bin", **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_tree_loads_its_own_conda_also_in_a_job_from_another_tree(trees) -> None:
    path = {cpu: f"{trees}/{cpu}/modules/all" for cpu in ("zen2", "haswell")}
    root = {cpu: f"{trees}/{cpu}/software/{MODULE}" for cpu in path}
    for cpu in path:
        used = in_bash(f"module load Miniforge3; {ACTIVE}", MODULEPATH=path[cpu])
        assert used.stdout == f"{root[cpu]}\n", used.stderr
    # A job inherits the loaded module and the active environment of the login, but has the other MODULEPATH.
    job = (
        f"export MODULEPATH={path['haswell']}; module load Miniforge3; {ACTIVE}; echo $CONDA_EXE\n"
        "module unload Miniforge3; echo $PATH; env | grep -c zen2; type conda"
    )
    inner = f"bash --norc -c '{START}\n{job}'"
    used = in_bash(f"module load Miniforge3; conda activate base; {inner}", MODULEPATH=path["zen2"])
    lines = used.stdout.splitlines()
    assert lines[0] == root["haswell"], used.stdout + used.stderr
    assert lines[1].startswith(root["haswell"])
    # Nothing of the other tree, and no conda.
    assert lines[2:] == ["/usr/bin:/bin", "0"] and "conda: not found" in used.stderr


def test_a_shared_path_loads_the_conda_that_each_node_mounts(built_modules, tmp_path) -> None:
    """A link with a changing target stands in for what each node mounts; all nodes have the modulefile."""
    link = tmp_path / "software.9"

    def on(cpu: str) -> None:
        link.unlink(missing_ok=True)
        link.symlink_to(cpu)

    def load() -> subprocess.CompletedProcess[str]:
        script = f"module load Miniforge3 || exit; {ACTIVE}; realpath $CONDA_PREFIX"
        return in_bash(script, MODULEPATH=str(tmp_path / "modules/all"))

    for cpu in ("zen2", "haswell"):
        copy_bare_installation(Path(built_modules.software, MODULE), tmp_path / cpu / MODULE)
    (tmp_path / "software").symlink_to("software.9")
    on("zen2")
    install_by_hand(tmp_path, Path(MODULE))
    modulefile = tmp_path / f"modules/all/{MODULE}.lua"
    text = modulefile.read_bytes()
    on("haswell")
    refused = load()
    said = " ".join(refused.stderr.split())
    assert refused.returncode and f"{MODULE} cannot be loaded on this node" in said
    assert "stackenv site install" in said
    install_by_hand(tmp_path, Path(MODULE))
    assert modulefile.read_bytes() == text
    for cpu in ("zen2", "haswell"):
        on(cpu)
        used = load()
        assert used.stdout.splitlines()[1] == str(tmp_path / cpu / MODULE), used.stderr
