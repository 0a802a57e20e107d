"""A kernel that Jupyter starts: its packages, and interrupt, restart and shutdown."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyters import Jupyter, list_session, make_kernel_user
from stacked import open_stack
from users import User

NAME = "stackenv-biopy-1.0"
WHERE = """
import json, os, sys
import Bio, numpy
found = {"bio": Bio.__file__, "numpy": numpy.__file__, "python": sys.executable, "prefix": sys.prefix}
found.update(pid=os.getpid(), parent=os.getppid(), environ=dict(os.environ), path=sys.path)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def jupyter(biologist: User, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """Return a Jupyter that has started the kernel; the tests of this file share it, in their order."""
    with Jupyter(tmp_path_factory.mktemp("jupyter"), biologist.environ) as jupyter:
        jupyter.start(NAME)
        yield jupyter


def test_jupyter_lists_the_kernel_with_its_name_and_logos(biologist: User, jupyter: Jupyter) -> None:
    spec = jupyter.ask("list")[NAME]
    assert spec["display_name"] == f"biopy/1.0 ({biologist.stack.bundle_module})"
    assert spec["metadata"]["debugger"] is True
    names = sorted(path.name for path in Path(spec["resource_dir"]).iterdir())
    assert names == ["kernel.json", "logo-32x32.png", "logo-64x64.png", "logo-svg.svg"]


def test_a_cell_imports_packages_of_the_environment_and_the_stack(biologist: User, jupyter: Jupyter) -> None:
    found = jupyter.run(WHERE)
    prefix = str(biologist.home / "venvs/biopy-1.0")
    assert found["bio"].startswith(f"{prefix}/")
    assert found["numpy"].startswith(f"{biologist.stack.software}/SciPy-bundle/")
    assert (found["python"], found["prefix"]) == (f"{prefix}/bin/python", prefix)
    assert found["environ"]["LOADEDMODULES"].split(":")[-1] == "biopy/1.0"
    assert biologist.stack.bundle_module in found["environ"]["LOADEDMODULES"].split(":")


def test_a_cell_finds_the_environments_python_and_pip_on_path(biologist: User, jupyter: Jupyter) -> None:
    found = jupyter.run(
        "import json, shutil; print(json.dumps([shutil.which(n) for n in ('python', 'pip')]))"
    )
    assert found == [str(biologist.home / f"venvs/biopy-1.0/bin/{name}") for name in ("python", "pip")]


def test_the_kernel_is_the_process_that_jupyter_started(biologist: User, jupyter: Jupyter) -> None:
    answer = jupyter.ask("restart")
    found = jupyter.run(WHERE)
    assert (found["pid"], found["parent"]) == (answer["pid"], answer["server"])
    assert found["environ"]["JPY_PARENT_PID"] == str(answer["server"])
    (process,) = list_session(answer["pid"])
    assert "(python" in process


def test_an_interrupt_ends_the_cell_but_not_the_kernel(jupyter: Jupyter) -> None:
    jupyter.ask("run", "kept = 42")
    answer = jupyter.ask("interrupt", "import time\nprint('begun', flush=True)\ntime.sleep(50)")
    assert answer["error"] == "KeyboardInterrupt"
    assert jupyter.run("print(kept)") == 42


def test_a_restart_replaces_the_kernel_process(jupyter: Jupyter) -> None:
    jupyter.ask("run", "kept = 42")
    before = jupyter.run("import os; print(os.getpid())")
    after = jupyter.ask("restart")["pid"]
    assert jupyter.ask("run", "kept")["error"] == "NameError"
    assert jupyter.run("import os; print(os.getpid())") == after != before
    assert list_session(before) == []


def test_a_shutdown_leaves_no_process(jupyter: Jupyter) -> None:
    pid = jupyter.start(NAME)["pid"]
    jupyter.run("import json, subprocess; subprocess.run(['true']); print(json.dumps(1))")
    assert jupyter.ask("shutdown") == {"alive": False}
    assert list_session(pid) == []


def test_a_kernel_ends_with_its_jupyter(biologist: User, tmp_path: Path) -> None:
    with Jupyter(tmp_path, biologist.environ) as jupyter:
        pid = jupyter.start(NAME)["pid"]
    assert list_session(pid) == []


def test_a_kernel_ends_when_its_jupyter_is_killed(biologist: User, tmp_path: Path) -> None:
    with Jupyter(tmp_path, biologist.environ) as jupyter:
        pid = jupyter.start(NAME)["pid"]
        jupyter.process.kill()
        deadline = time.monotonic() + 60
        # A zombie has ended and only waits for its parent.
        while [stat for stat in list_session(pid) if stat.rpartition(")")[2].split()[0] != "Z"]:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_stackenv_prints_nothing_when_a_kernel_starts(biologist: User, tmp_path: Path) -> None:
    with Jupyter(tmp_path, biologist.environ) as jupyter:
        jupyter.start(NAME)
        jupyter.ask("shutdown")
    assert "stackenv" not in jupyter.log.read_text()


def poison(folder: Path) -> str:
    """Return bash code that breaks a Python; the modules that must not be imported are below `folder`."""
    for name in ("numpy", "Bio", "ipykernel", "json"):
        (folder / "poison" / name).mkdir(parents=True)
        (folder / "poison" / name / "__init__.py").write_text(f"raise SystemExit('the poisoned {name}')\n")
    (folder / "other/bin").mkdir(parents=True)
    (folder / "other/bin/python").symlink_to("/bin/false")
    return (
        f"export PYTHONPATH={folder}/poison PYTHONHOME={folder}/nowhere VIRTUAL_ENV={folder}/other\n"
        f"export PYTHONNOUSERSITE=1 PATH={folder}/other/bin:$PATH JPY_SESSION_NAME=other\n"
        f"export JPY_API_TOKEN=other EBPYTHONPREFIXES={folder}/poison LMOD_QUIET=1\n"
    )


@pytest.mark.parametrize("name", ["eb5-pythonpath", "eb4-prefixes"])
def test_the_servers_modules_and_variables_do_not_affect_the_kernel(
    biologist: User, name: str, tmp_path: Path
) -> None:
    stack = open_stack(name)
    user = biologist if biologist.stack == stack else make_kernel_user(tmp_path, stack)
    before = f"module load {stack.next_bundle_module} {stack.other_module} || exit 99\n{poison(tmp_path)}"
    with Jupyter(tmp_path, user.environ, before) as jupyter:
        jupyter.start(NAME)
        found = jupyter.run(WHERE)
    prefix = str(user.home / "venvs/biopy-1.0")
    assert found["bio"].startswith(f"{prefix}/")
    assert stack.bundle_module in found["numpy"]
    assert str(tmp_path / "poison") not in json.dumps([found["path"], found["environ"]])
    assert str(tmp_path / "other") not in found["environ"]["PATH"]
    assert found["environ"]["VIRTUAL_ENV"] == prefix
    assert "STACKENV_TEST_ZLIB" not in found["environ"]
    assert stack.next_bundle_module not in found["environ"]["LOADEDMODULES"]
    assert not {"PYTHONHOME", "PYTHONNOUSERSITE"} & set(found["environ"])


def test_the_kernel_starts_from_a_server_without_lmod_and_modulepath(biologist: User, tmp_path: Path) -> None:
    dropped = ("MODULEPATH", "LMOD_CMD")
    environ = {name: value for name, value in biologist.environ.items() if name not in dropped}
    with Jupyter(tmp_path, environ, "unset MODULEPATH LMOD_CMD LOADEDMODULES; unset -f module ml") as jupyter:
        jupyter.start(NAME)
        assert biologist.stack.bundle_module in jupyter.run(WHERE)["numpy"]


def test_the_kernel_loads_the_recorded_modules_despite_another_modulepath(
    biologist: User, tmp_path: Path
) -> None:
    other = tmp_path / "modules" / f"{biologist.stack.bundle_module}.lua"
    other.parent.mkdir(parents=True)
    other.write_text('setenv("STACKENV_TEST_OTHER", "1")\n')
    environ = {**biologist.environ, "MODULEPATH": f"{tmp_path}/modules:{biologist.stack.modulepath}"}
    with Jupyter(tmp_path, environ) as jupyter:
        jupyter.start(NAME)
        assert "STACKENV_TEST_OTHER" not in jupyter.run(WHERE)["environ"]


def test_a_failed_load_is_reported_in_jupyters_log(biologist: User, tmp_path: Path) -> None:
    modulefile = biologist.modules / "biopy/1.0.lua"
    modulefile.rename(modulefile.with_suffix(".aside"))
    try:
        with Jupyter(tmp_path, biologist.environ) as jupyter:
            assert "died" in jupyter.ask("start", NAME)["error"]
    finally:
        modulefile.with_suffix(".aside").rename(modulefile)
    assert "stackenv: biopy/1.0 could not be loaded" in jupyter.log.read_text()
