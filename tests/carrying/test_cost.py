"""What carrying costs at a start: nothing with the module loaded, a few questions of the kernel without."""

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

# How often depends on the length of what was read.
AT_WILL = ("brk", "mmap", "munmap", "mremap")


@pytest.fixture(scope="module", params=KINDS)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return a user who has one environment that carries its stack, and off/1.0, which does not."""
    world = make_world(tmp_path_factory.mktemp(request.param), "eb5-pythonpath", request.param)
    made = world.user.stackenv("create", "off", "--no-carry", load=[world.stack.bundle_module])
    assert made.returncode == 0, made.stderr
    return world


def list_calls(python: Path, environ: Mapping[str, str], scratch: Path) -> list[str]:
    """Return what a start of `python` asks the kernel for, by name and path; of memory it asks at will."""
    trace = scratch / "trace"
    command = ["strace", "-qq", "-o", str(trace), str(python), "-c", "pass"]
    for _ in range(2):
        # The second time all that Python compiles is there.
        subprocess.run(command, env=dict(environ), cwd=scratch, check=True, capture_output=True)
    # Of a read or a write the text is none of these.
    calls = (re.match(r'(\w+)\((?:[^"]*"(/[^"]*)")?', line) for line in trace.read_text().splitlines())
    found = [f"{call.group(1)} {call.group(2) or ''}" for call in calls if call]
    return [call for call in found if call.split()[0] not in AT_WILL]


LOADS = {"its modules": "module load Needle/1.0", "itself": "module use ~/modules; module load {}"}


@pytest.mark.parametrize("loaded", LOADS)
def test_carrying_adds_no_system_calls_when_the_module_is_loaded(
    world: World, loaded: str, tmp_path: Path
) -> None:
    """The same system calls in the same order as in an environment that was made with --no-carry."""
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
    # After an exec the second interpreter looks into the record alone.
    assert sorted(seen.looks(*files)) == sorted(files) and not seen.opened(*files)
    assert len(seen.opened(record)) == len(seen.looks(record)) == seen.interpreters
    # No folder of modules is looked for, nor Lmod.
    roots = world.stack.modulepath.split(":")
    assert {path for _, path in seen.calls if path.startswith(tuple(roots))} == set(files)
