"""The cost of carrying at a start: nothing with the module loaded, and a few system calls without it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from needy_stack import KINDS
from traced_starts import bare, read_environment, start
from worlds import World, make_world

# How often they are called depends on the size of the files that are read.
AT_WILL = ("brk", "mmap", "munmap", "mremap")


@pytest.fixture(scope="module", params=KINDS)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return a user with an environment that carries its stack, and with off/1.0, which does not."""
    world = make_world(tmp_path_factory.mktemp(request.param), "eb5-pythonpath", request.param)
    made = world.user.stackenv("create", "off", "--no-carry", load=[world.stack.bundle_module])
    assert made.returncode == 0, made.stderr
    return world


def list_calls(python: Path, environ: Mapping[str, str], scratch: Path) -> list[str]:
    """Return the system calls of a start of `python`, as names and paths, without those for memory."""
    trace = scratch / "trace"
    command = ["strace", "-qq", "-o", str(trace), str(python), "-c", "pass"]
    for _ in range(2):
        # In the second run everything that Python compiles already exists.
        subprocess.run(command, env=dict(environ), cwd=scratch, check=True, capture_output=True)
    # Paths begin with a slash, so the text of reads and writes is not mistaken for a path.
    calls = (re.match(r'(\w+)\((?:[^"]*"(/[^"]*)")?', line) for line in trace.read_text().splitlines())
    found = [f"{call.group(1)} {call.group(2) or ''}" for call in calls if call]
    return [call for call in found if call.split()[0] not in AT_WILL]


LOADS = {"its modules": "module load Needle/1.0", "itself": "module use ~/modules; module load {}"}


@pytest.mark.parametrize("loaded", LOADS)
def test_carrying_adds_no_system_calls_when_the_module_is_loaded(
    world: World, loaded: str, tmp_path: Path
) -> None:
    """They are the same, in the same order, as in an environment that was created with --no-carry."""
    calls = {}
    for name in ("bio", "off"):
        environ = read_environment(world.user, LOADS[loaded].format(name))
        python = world.user.home / f"venvs/{name}-1.0/bin/python"
        found = list_calls(python, environ, tmp_path)
        calls[name] = [call.replace(f"{name}-1.0", "NAME").replace(f"{name}/1.0", "NAME") for call in found]
        assert not [call for call in found if "carry" in call or "record.json" in call]
    assert calls["bio"] == calls["off"]
    assert len(calls["bio"]) > 100


def test_a_bare_start_reads_the_record_and_checks_each_modulefile_once(world: World, tmp_path: Path) -> None:
    modules = [world.stack.bundle_module, world.stack.other_module]
    made = world.user.stackenv("create", "two", load=modules)
    assert made.returncode == 0, made.stderr
    prefix = world.user.home / "venvs/two-1.0"
    record = prefix / "stackenv/record.json"
    files = [file["path"] for file in json.loads(record.read_text())["carried"]["modulefiles"]]
    assert len(files) == len(modules) and str(world.modulefile) in files
    start(prefix / "bin/python", bare(world.user), tmp_path)
    seen = start(prefix / "bin/python", bare(world.user), tmp_path)
    assert (seen.needle, seen.said) == (10, [])
    # After a restart the second interpreter reads only the record.
    assert sorted(seen.looks(*files)) == sorted(files) and not seen.opened(*files)
    assert len(seen.opened(record)) == len(seen.looks(record)) == seen.interpreters
    # No other file of the module folders is accessed, and Lmod is not used.
    roots = world.stack.modulepath.split(":")
    assert {path for _, path in seen.calls if path.startswith(tuple(roots))} == set(files)
