"""A Python that does not even start without its modules: EasyBuild 4 links it to a library of its own."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from dataclasses import replace
from pathlib import Path

import pytest
from needy_stack import PYTHON_FOLDER, NeedleStack, compile_linked, write_module
from traced_starts import bare
from users import User, make_user

# What it needs to start with: the library of the needy stack in the part of libpython.
PROGRAM = """\
#include <Python.h>

int needle_find(void);

int main(int count, char **words) {
    return needle_find() > 0 ? Py_BytesMain(count, words) : 1;
}
"""
MODULE = "Python/3.11.2-needy"


@pytest.fixture(scope="module")
def user(needy_stack: NeedleStack, tmp_path_factory: pytest.TempPathFactory) -> User:
    """Return a user who has the environment bio/1.0 on such a Python."""
    folder = tmp_path_factory.mktemp("needy-python")
    write_python(folder, needy_stack)
    stack = replace(needy_stack, modulepath=f"{folder}/modules:{needy_stack.modulepath}")
    return make_user(folder / "user", stack)


def write_python(folder: Path, stack: NeedleStack) -> None:
    """Write the module of a Python that is linked to libneedle, with the standard library of the stack's."""
    root = folder / MODULE
    (root / "bin").mkdir(parents=True)
    (root / "lib").mkdir()
    (root / f"lib/{PYTHON_FOLDER}").symlink_to(f"{stack.software}/{stack.python_module}/lib/{PYTHON_FOLDER}")
    source = root / "python.c"
    source.write_text(PROGRAM)
    compile_linked(
        *(source, root / f"bin/{PYTHON_FOLDER}", f"-I{sysconfig.get_path('include')}"),
        *(f"-L{stack.folder}/{stack.library}/lib", "-lneedle", f"-l{PYTHON_FOLDER}"),
    )
    for name in ("python", "python3"):
        (root / "bin" / name).symlink_to(PYTHON_FOLDER)
    write_module(folder, MODULE, stack.library, lines=('prepend_path("PATH", root .. "/bin")',))


def test_create_says_that_it_starts_only_with_its_modules_and_so_it_is(user: User) -> None:
    made = user.stackenv("create", "bio", load=[MODULE])
    assert made.returncode == 0, made.stderr
    (line,) = [line for line in made.stderr.splitlines() if "starts only" in line]
    assert line.startswith("stackenv: the Python of bio/1.0 starts only while its modules are loaded")
    record = json.loads((user.home / "venvs/bio-1.0/stackenv/record.json").read_text())
    assert record["carried"]["starts_bare"] is False
    loaded = user.run("module use ~/modules; module load bio && python -c 'print(1)'")
    assert (loaded.stdout, loaded.stderr) == ("1\n", "")
    python = user.home / "venvs/bio-1.0/bin/python"
    started = subprocess.run([python, "-c", ""], env=bare(user), capture_output=True, text=True, check=False)
    # The loader's own words: nothing of the environment has run.
    assert started.returncode == 127
    assert "libneedle.so.1: cannot open shared object file" in started.stderr
