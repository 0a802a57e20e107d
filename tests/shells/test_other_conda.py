"""Another conda in the same shell, set up by its own hook; and an installation that is missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from environments import make_environment
from guarded import make_guard
from session import differences

pytestmark = [pytest.mark.some_shells, pytest.mark.both_activations]

LOAD = "module load Anaconda3/2024.02-1"
UNLOAD = "module unload Anaconda3"
HOOKS = {
    "etc/profile.d/conda.sh": "conda() { echo 'the other conda'; }\n",
    "etc/profile.d/conda.csh": "alias conda echo the other conda\n",
    "etc/fish/conf.d/conda.fish": "function conda; echo the other conda; end\n",
}


@pytest.fixture
def other(stack, session):
    """The user's own conda, set up in this shell by `conda init`, with its base active."""
    root = make_environment(stack.folder("mine") / "miniconda3")
    (root / "bin/conda").write_text("#!/bin/sh\n")
    (root / "bin/conda").chmod(0o755)
    for name, text in HOOKS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    session.environ = {
        **session.environ,
        "CONDA_EXE": f"{root}/bin/conda",
        "CONDA_PYTHON_EXE": f"{root}/bin/python",
        "CONDA_SHLVL": "1",
        "CONDA_PREFIX": str(root),
        "CONDA_DEFAULT_ENV": "base",
        "CONDA_PROMPT_MODIFIER": "(base) ",
        "PATH": f"{root}/bin:{root}/condabin:{session.environ['PATH']}",
    }
    hook = {"sh": "etc/profile.d/conda.sh", "csh": "etc/profile.d/conda.csh"}.get(
        session.dialect.family, "etc/fish/conf.d/conda.fish"
    )
    word = "." if session.dialect.family == "sh" else "source"
    session.do(f"{word} {root}/{hook}")
    return root


def test_unload_restores_the_users_own_conda(session, other) -> None:
    result = (
        session.snapshot("before")
        .check(LOAD, "conda activate one", "conda activate --stack two")
        .do("python")
        .check(UNLOAD)
        .snapshot("after")
        .do("conda")
        .run()
    )
    assert result.stdout.splitlines() == ["python of two", "the other conda"], result.stderr
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}
    assert result.statuses == [0] * 4


def test_an_environment_of_the_users_own_conda_stays_active_until_deactivated(session, other) -> None:
    result = session.check(LOAD).do("python").check("conda deactivate").snapshot("left").check(UNLOAD).run()
    assert result.stdout.splitlines() == ["python of miniconda3"], result.stderr
    assert "CONDA_PREFIX" not in result.snapshots["left"].environment
    assert result.statuses == [0, 0, 0]


@pytest.fixture
def doomed(stack, session):
    """A copy of the module whose installation the test may remove."""
    root = stack.folder("doomed") / "Anaconda3/2024.02-1"
    shutil.copytree(stack.root("2024.02-1"), root, symlinks=True)
    modulefile = stack.folder("modules") / "Doomed/1.lua"
    modulefile.parent.mkdir()
    text = Path(stack.modulepath, "Anaconda3/2024.02-1.lua").read_text()
    modulefile.write_text(text.replace(stack.root("2024.02-1"), str(root)))
    for path in (root / "libexec/stackenv").rglob("*"):
        if path.is_file() and path.suffix not in (".pyc", ".compiled"):
            path.write_text(path.read_text().replace(stack.root("2024.02-1"), str(root)))
    modulepath = f"{modulefile.parents[1]}:{session.environ['MODULEPATH']}"
    session.environ = {**session.environ, "MODULEPATH": modulepath}
    return root


def test_a_missing_installation_can_still_be_unloaded(session, doomed, tmp_path) -> None:
    session.environ = {**session.environ, **make_guard(tmp_path / "etc"), "PYTHONPATH": "/opt/mine"}
    module = Path(session.environ["MODULEPATH"].split(":")[0]) / "X/1.lua"
    module.parent.mkdir()
    module.write_text(
        'setenv("EBROOTX", "/opt/x")\nprepend_path("PYTHONPATH", "/opt/x/lib")\n'
        'prepend_path("EBPYTHONPREFIXES", "/opt/x")\n'
    )
    for name in ("one", "two"):
        shutil.rmtree(doomed.parents[2] / f"home/conda/envs/{name}/etc", ignore_errors=True)
    result = (
        session.do("module load X")
        .snapshot("before")
        .check("module load Doomed", "conda activate one", "conda activate --stack two")
        .do(f"/bin/mv {doomed} {doomed}.gone")
        .check("module unload Doomed")
        .snapshot("after")
        .run()
    )
    found = differences(result.snapshots["before"], result.snapshots["after"])
    left = {name for name in found if name not in ("variables", "STACKENV_TEST_ONE", "STACKENV_TEST_TWO")}
    assert left == set(), result.stderr
    assert "no longer exists" in result.stderr + result.stdout
    assert result.statuses == [0] * 4
