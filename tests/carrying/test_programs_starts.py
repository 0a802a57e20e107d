"""The environment's Python, started without modules by a daemon, or by a program that outlives a shell."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from needy_stack import NeedleStack
from programs import Carrier, have_or_skip, share_carrier
from starts import DAEMONS, START, find_hindrance, start


@pytest.fixture(scope="module")
def carrier(needle_stack: NeedleStack, tmp_path_factory: pytest.TempPathFactory) -> Carrier:
    return share_carrier(tmp_path_factory, needle_stack)


@pytest.mark.parametrize("way", START)
def test_python_has_the_stack_and_children_inherit_nothing_of_it(
    carrier: Carrier, way: str, tmp_path: Path
) -> None:
    if way in DAEMONS:
        have_or_skip(find_hindrance(way))
    python = carrier.python if way == "nothing" else "~/venvs/bio-1.0/bin/python"
    ended = start(way, f"{python} report.py one 'two words'", carrier.home, tmp_path)
    assert (ended.status, ended.stderr) == (0, "")
    assert not [name for name in ended.environ if name.startswith(("EB", "LOADEDMODULES", "_LM", "MODULE"))]
    found = carrier.check(ended.stdout, ended.environ)
    assert found["words"] == ["report.py", "one", "two words"]


@pytest.mark.parametrize("way", ["cron", "ssh"])
def test_the_exit_status_reaches_the_caller(carrier: Carrier, way: str, tmp_path: Path) -> None:
    have_or_skip(find_hindrance(way))
    ended = start(
        way, f"{carrier.python} -c 'import needle, sys; sys.exit(needle.find())'", carrier.home, tmp_path
    )
    assert (ended.status, ended.stderr) == (10, "")


@pytest.mark.parametrize(
    "environ", [{}, {"LANG": "C"}, {"LC_ALL": "C"}, {"LANG": "C", "LC_CTYPE": "C.UTF-8"}], ids=str
)
def test_the_locale_is_the_same_as_with_the_base_python(carrier: Carrier, environ: dict[str, str]) -> None:
    script = "import os, sys; print(sys.flags, sys.stdin.errors, sorted(os.environ.items()))"
    plain, bare = (
        subprocess.run([python, "-c", script], env=environ, capture_output=True, text=True, check=True)
        for python in (os.path.realpath(carrier.python), carrier.python)
    )
    assert (bare.stdout, bare.stderr) == (plain.stdout, "")
