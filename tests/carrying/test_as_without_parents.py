"""Programs that start an environment's Python: debuggers, tracers, profilers and wrapper commands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from needy_stack import KINDS
from observing import Bare
from programs import Carrier, have_or_skip

FIND = "import needle, os; print('found', needle.find(), os.getpid())"


def watch(carrier: Carrier, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    have_or_skip("" if shutil.which(words[0]) else f"{words[0]} is not installed (sh tests/prepare.sh)")
    return carrier.start(*words, **environ)


@pytest.fixture(params=KINDS)
def carrier(bare: Bare, request: pytest.FixtureRequest) -> Carrier:
    return bare.carriers[request.param]


def starts_again(carrier: Carrier) -> bool:
    return carrier.stack.kind == "needy"


def test_gdb_runs_python_to_its_end_and_stops_at_breakpoints(carrier: Carrier) -> None:
    gdb = ("gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off")
    ended = watch(carrier, *gdb, "-ex", "run", "--args", carrier.python, "-c", FIND)
    assert "found 10" in ended.stdout and "exited normally" in ended.stdout, ended.stdout + ended.stderr
    failed = watch(
        carrier,
        *gdb,
        "-ex",
        "run",
        "--args",
        carrier.python,
        "-c",
        "import needle, os; os._exit(needle.find())",
    )
    assert "exited with code 012" in failed.stdout, failed.stdout + failed.stderr
    # A breakpoint in a library that is loaded only after the restart, and the backtrace there.
    commands = [
        "-ex",
        "set breakpoint pending on",
        "-ex",
        "break needle_find",
        "-ex",
        "run",
        "-ex",
        "backtrace 1",
    ]
    stopped = watch(carrier, *gdb, *commands, "--args", carrier.python, "-c", FIND)
    assert re.search(r"#0 .* in needle_find \(\) from .*libneedle\.so\.1", stopped.stdout), stopped.stdout


def test_gdb_catches_a_crash(carrier: Carrier) -> None:
    code = "import needle, os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    gdb = ("gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-ex", "run")
    crashed = watch(carrier, *gdb, "--args", carrier.python, "-c", code)
    assert "received signal SIGSEGV" in crashed.stdout, crashed.stdout + crashed.stderr


@pytest.mark.parametrize("options", [[], ["-f"]])
def test_strace_sees_one_process(carrier: Carrier, options: list[str], tmp_path: Path) -> None:
    log = tmp_path / "log"
    traced = watch(
        carrier,
        "strace",
        *options,
        "-e",
        "trace=execve,clone,clone3,fork,vfork",
        "-o",
        str(log),
        carrier.python,
        "-c",
        FIND,
    )
    assert (traced.returncode, traced.stderr) == (0, "")
    calls = [line for line in log.read_text().splitlines() if "(" in line]
    assert len(calls) == (2 if starts_again(carrier) else 1), calls
    pid = traced.stdout.split()[2]
    assert traced.stdout == f"found 10 {pid}\n"
    if options:
        assert {line.split()[0] for line in calls} == {pid}


def test_perf_measures_the_environments_python(carrier: Carrier, tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    if not shutil.which("perf") or watch(carrier, "perf", "record", "-o", data, "true").returncode:
        pytest.skip("perf is not installed, or may not measure anything here")
    code = "import needle; print(needle.find()); sum(range(10_000_000))"
    recorded = watch(carrier, "perf", "record", "-F", "999", "-o", data, carrier.python, "-c", code)
    assert (recorded.returncode, recorded.stdout) == (0, "10\n"), recorded.stderr
    report = watch(carrier, "perf", "report", "-i", data, "--stdio", "--sort", "dso")
    shares = dict(re.findall(r"^ +([\d.]+)% +(\S+)", report.stdout, re.M))
    assert max((float(share), dso) for share, dso in shares.items())[1].startswith("python"), report.stdout
    counted = watch(carrier, "perf", "stat", "-e", "task-clock", carrier.python, "-c", FIND)
    assert counted.returncode == 0 and "task-clock" in counted.stderr


@pytest.mark.parametrize("options", [[], ["--trace-children=yes"]])
def test_python_is_not_restarted_under_valgrind(carrier: Carrier, options: list[str], tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = "import sys; print('/Needle/' in str(sys.path), flush=True); import needle; print(needle.find())"
    valgrind = ("valgrind", "--tool=none", f"--log-file={log}", *options)
    checked = watch(carrier, *valgrind, carrier.python, "-c", code)
    # Valgrind logs each program that it has run.
    assert log.read_text().count("Command: ") == 1
    if not starts_again(carrier):
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "True\n10\n", "")
        return
    assert (checked.returncode, checked.stdout) == (1, "True\n")
    said = (
        "stackenv: the environment bio/1.0 runs without its modules: their libraries are not found, because "
        f"Python runs inside another program; hint: module use {carrier.home}/modules; module load bio/1.0\n"
    )
    assert checked.stderr.startswith(said + "Traceback"), checked.stderr
    # The command in the hint works.
    load = "module use ~/modules; module load bio/1.0"
    loaded = carrier.user.run(f'{load}; {" ".join(valgrind)} python -c "{FIND}"')
    assert loaded.stdout.startswith("found 10 "), loaded.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("env", "-i"),
        ("env", "-u", "HOME", "--chdir=/", "--ignore-signal=PIPE"),
        ("nohup",),
        ("timeout", "--foreground", "60"),
        ("timeout", "60"),
        ("stdbuf", "-o0"),
        ("time",),
        ("setarch", "--addr-no-randomize"),
        ("prlimit", "--nofile=64"),
        ("ionice", "-c3"),
        ("xargs", "-a", "/dev/null"),
        ("find", "/dev/null", "-exec"),
        ("script", "-qec"),
        ("flock", "."),
        ("sh", "-c", 'exec "$0" "$@"'),
        ("setpriv", "--reset-env"),
    ],
    ids=lambda words: words[0],
)
def test_python_finds_its_packages_behind_a_wrapper_command(carrier: Carrier, words: tuple[str, ...]) -> None:
    if words[0] == "time":
        words = ("bash", "-c", 'time "$0" "$@"')
    elif words[0] == "script":
        words = (*words, f'{carrier.python} -c "{FIND}"', os.devnull)
    command = words if words[0] == "script" else (*words, carrier.python, "-c", FIND)
    done = watch(carrier, *command, *([";"] if words[0] == "find" else []))
    assert done.returncode == 0 and done.stdout.startswith("found 10 "), done.stderr
    assert "stackenv" not in done.stderr
