"""Packed venvs that contain their own path are mounted there, in a namespace; others need no namespace."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from packing import make_packing_user, require_fuse, unmounting
from squashfuses import list_squashfuses
from stacked import open_stack
from users import User

# Like a real setup.py that writes the future path of the package's data into the package at build time.
SETUP = """\
import sys
from pathlib import Path
from setuptools import setup
Path("told_place.py").write_text(f"DATA = {str(Path(sys.prefix, 'share/told'))!r}\\n")
setup(name="told-place", version="1", py_modules=["told_place"], data_files=[("share/told", ["data.txt"])])
"""
READ = "python -c 'import told_place; print(open(told_place.DATA + \"/data.txt\").read())'"
LIBRARY = "int stackenv_answer(void) { return 42; }\n"
PROGRAM = "int stackenv_answer(void); int main(void) { return stackenv_answer(); }\n"


@pytest.fixture
def maker(tmp_path: Path) -> Iterator[User]:
    """Return a user with an empty venv."""
    require_fuse()
    with unmounting(tmp_path):
        user = make_packing_user(tmp_path, open_stack("eb5-pythonpath"))
        made = user.stackenv("create", "own", load=[user.stack.bundle_module])
        assert made.returncode == 0, made.stderr
        yield user


def load(user: User, commands: str) -> subprocess.CompletedProcess[str]:
    return user.run(f"module use {user.modules}; module load own || exit 70; {commands}")


def pack(user: User) -> tuple[str, str]:
    """Pack the venv; return the way it is mounted, and the messages."""
    done = user.stackenv("pack", "own")
    assert done.returncode == 0, done.stderr
    record = json.loads((user.home / "venvs/own-1.0/stackenv/record.json").read_text())
    return record["packed"]["way"], done.stderr


def test_a_package_with_the_path_of_its_data_built_in_finds_it(maker: User) -> None:
    source = maker.home / "told"
    source.mkdir()
    (source / "setup.py").write_text(SETUP)
    (source / "data.txt").write_text("found")
    installed = load(maker, f"pip install --no-cache-dir {source} && {READ}")
    assert installed.stdout.endswith("found\n"), installed.stderr
    way, told = pack(maker)
    assert way == "namespace"
    assert "site-packages/told_place.py contains the environment's path" in told
    assert load(maker, READ).stdout == "found\n"


def test_a_program_linked_with_an_rpath_runs(maker: User) -> None:
    prefix = maker.home / "venvs/own-1.0"
    (maker.home / "a.c").write_text(LIBRARY)
    (maker.home / "b.c").write_text(PROGRAM)
    built = maker.run(
        f"gcc -shared -fPIC -o {prefix}/lib/libanswer.so a.c && "
        f"gcc -o {prefix}/bin/answer b.c -L{prefix}/lib -lanswer -Wl,-rpath,{prefix}/lib && "
        f"{prefix}/bin/answer"
    )
    assert built.returncode == 42, built.stderr
    way, told = pack(maker)
    assert (way, "bin/answer contains the environment's path" in told) == ("namespace", True)
    assert load(maker, "answer").returncode == 42


def test_an_absolute_link_inside_the_environment_still_works(maker: User) -> None:
    prefix = maker.home / "venvs/own-1.0"
    (prefix / "share").mkdir(exist_ok=True)
    (prefix / "share/data.txt").write_text("found")
    (prefix / "share/link.txt").symlink_to(prefix / "share/data.txt")
    assert pack(maker)[0] == "namespace"
    assert (
        load(maker, 'python -c "print(open(\\"$VIRTUAL_ENV/share/link.txt\\").read())"').stdout == "found\n"
    )


def test_kernel_specs_and_longer_paths_do_not_require_a_namespace(maker: User) -> None:
    prefix = maker.home / "venvs/own-1.0"
    kernel = prefix / "share/jupyter/kernels/own/kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.write_text(json.dumps({"argv": [f"{prefix}/bin/python", "-c", "print('started')"]}))
    (kernel.parent / "note.txt").write_text(f"not {prefix}-other/lib nor {prefix}0")
    way, told = pack(maker)
    assert (way, "contains the environment's path" in told) == ("session", False)
    start = (
        f"import json, os, sys; a = json.load(open(sys.prefix + '/{kernel.relative_to(prefix)}'))['argv']; "
        "os.execv(a[0], a)"
    )
    assert load(maker, f'python -c "{start}"').stdout == "started\n"
    assert list_squashfuses(maker.home.parent)


def test_an_editable_install_inside_the_environment_is_imported(maker: User) -> None:
    source = maker.home / "venvs/own-1.0/src/mine"
    source.mkdir(parents=True)
    (source / "setup.py").write_text(
        "from setuptools import setup\nsetup(name='mine', version='1', py_modules=['mine'])\n"
    )
    (source / "mine.py").write_text("HERE = __file__\n")
    look = "python -c 'import mine; print(mine.HERE)'"
    installed = load(maker, f"pip install -q --editable {source} && {look}")
    assert installed.stdout == f"{source}/mine.py\n", installed.stderr
    assert pack(maker)[0] == "namespace"
    assert load(maker, look).stdout == installed.stdout
