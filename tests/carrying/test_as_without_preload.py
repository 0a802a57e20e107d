"""A stack that preloads a library: only this Python loads it, and the caller's own LD_PRELOAD is kept."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import pytest
from needy_stack import KINDS, compile_shared, make_needle_stack, write_module
from programs import Carrier, make_carrier

# Reports what is loaded in this process, and what a child inherits.
FIND = """\
import ctypes, os, subprocess, needle
has = [hasattr(ctypes.CDLL(None), name) for name in ("of_stack", "of_caller")]
inherited = subprocess.check_output(["/usr/bin/env", "-0"]).decode().split("\\0")
own = [f"{name}={value}" for name, value in os.environ.items()]
print(needle.find(), has, inherited == [*own, ""], "STACKENV" in str(own))
print(os.environ.get("LD_PRELOAD"), os.environ.get("LD_LIBRARY_PATH"))
"""


def make_library(folder: Path, name: str) -> Path:
    """Build a library with a function that has the `name` of the library."""
    (folder / f"{name}.c").write_text(f"int {name}(void) {{ return 1; }}\n")
    compile_shared(folder / f"{name}.c", folder / f"{name}.so")
    return folder / f"{name}.so"


@pytest.fixture(scope="module", params=KINDS)
def carrier(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Carrier:
    """Return a user of a stack whose last module preloads a library."""
    folder = tmp_path_factory.mktemp(request.param)
    below = make_needle_stack(tmp_path_factory, "eb5-pythonpath", request.param)
    library = make_library(folder, "of_stack")
    line = f'prepend_path("LD_PRELOAD", "{library}", ":")'
    write_module(folder, "Preloading/1.0", below.bundle_module, lines=(line,))
    values = {"modulepath": f"{folder}/modules:{below.modulepath}", "bundle_module": "Preloading/1.0"}
    return make_carrier(folder, dataclasses.replace(below, **values))


def run(carrier: Carrier, **environ: str) -> list[str]:
    done = subprocess.run(
        [carrier.python, "-c", FIND],
        env={**carrier.environ, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.splitlines()


def test_the_stacks_preload_is_loaded_and_hidden_from_children(carrier: Carrier) -> None:
    assert run(carrier) == ["10 [True, False] True False", "None None"]


@pytest.mark.parametrize("separator", [":", " "])
def test_the_callers_preload_is_loaded_and_restored(carrier: Carrier, separator: str, tmp_path: Path) -> None:
    own = separator.join([str(make_library(tmp_path, "of_caller")), "libm.so.6"])
    expected = ["10 [True, True] True False", f"{own} /own"]
    assert run(carrier, LD_PRELOAD=own, LD_LIBRARY_PATH="/own") == expected
