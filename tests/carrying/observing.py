"""Observes an environment's Python while it runs, with the stack that it carries and without."""

from __future__ import annotations

import difflib
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from needy_stack import KINDS, make_needle_stack
from programs import Carrier, make_carrier
from users import make_once, make_user

# Writes its report to the file $OBSERVED, because stdout is compared, too.
OBSERVE = Path(__file__).with_name("observe_process.py").read_text()
# These differ in each start, or with the stack.
OWN = ("pid", "parent", "needle", "restarted")


@dataclass(frozen=True)
class Observed:
    """The result of a start; `report` is that of observe_process.py, empty where none was written."""

    report: dict[str, Any]
    stdout: bytes
    stderr: bytes
    status: int
    pid: int


@dataclass(frozen=True)
class Bare:
    """An environment on each kind of stack (`KINDS`), where no modules are loaded."""

    carriers: Mapping[str, Carrier]

    def observe(self, script: str, kind: str, carries: bool, **options: Any) -> Observed:
        """Run `script` in bash, in a folder with observe.py; $python is the environment's Python.

        `script` must end by becoming Python itself (exec), not as a shell that waits for it.
        """
        carrier = self.carriers[kind]
        # Other processes of the test run use the same environments, so the name must be unique.
        report = carrier.home / f"observed-{os.getpid()}.json"
        report.unlink(missing_ok=True)
        environ = {
            **carrier.environ,
            "python": carrier.python,
            "prefix": str(carrier.prefix),
            "OBSERVED": str(report),
            "STACKENV_CARRY": "1" if carries else "0",
            # Suppresses the message about modules that are not loaded, which is not tested here.
            "STACKENV_TOLD": "bio/1.0",
            **options.pop("environ", {}),
        }
        process = subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-c", script],
            env=environ,
            cwd=carrier.home,
            **{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )
        stdout, stderr = process.communicate(b"a line\nanother\n" if process.stdin else None, timeout=600)
        text = report.read_text() if report.exists() else "{}"
        return Observed(json.loads(text), stdout, stderr, process.returncode, process.pid)

    def compare(self, script: str, brings: bool = True, reports: bool = True, **options: Any) -> Observed:
        """Check that `script` has the same result with and without the stack, and return the result.

        `brings` says whether the packages of the stack must be found, `reports` whether observe.py runs.
        """
        for kind in KINDS:
            without, found = (self.observe(script, kind, carries, **options) for carries in (False, True))
            assert bool(found.report) == bool(without.report) == reports, found.stderr
            if reports:
                check_carried(found.report, kind, brings)
                assert without.report["needle"] is None
            changed = list(difflib.unified_diff(describe(without), describe(found), n=0, lineterm=""))
            assert not changed, "\n".join([f"{script} ({kind})", *changed])
        return found


def check_carried(report: Mapping[str, Any], kind: str, brings: bool) -> None:
    """Check what the stack changes: whether its packages are found, and whether Python was restarted."""
    assert report["needle"] == (10 if brings else None)
    assert report["restarted"] == (kind == "needy")


def describe(observed: Observed) -> list[str]:
    """Return, as lines, what must be the same in each start."""
    report = {name: value for name, value in observed.report.items() if name not in OWN}
    if report:
        report["follows"] = observed.report["pid"] == observed.pid
    text = json.dumps(report, indent=1, sort_keys=True).replace("STACKENV_CARRY=1", "STACKENV_CARRY=0")
    streams = [repr(line) for stream in (observed.stdout, observed.stderr) for line in stream.splitlines()]
    return [*text.splitlines(), *streams, f"status {observed.status}"]


def make_bare(factory: pytest.TempPathFactory) -> Bare:
    """Return the environments of both kinds, created once for all processes of a test run."""

    def make(kind: str) -> Carrier:
        stack = make_needle_stack(factory, "eb5-pythonpath", kind)
        folder = make_once(factory, f"as-without-{kind}", lambda folder: fill(make_carrier(folder, stack)))
        return Carrier(make_user(folder, stack), stack)

    return Bare({kind: make(kind) for kind in KINDS})


def fill(carrier: Carrier) -> None:
    """Write the scripts and links that the tests start to the home of the user."""
    (carrier.home / "observe.py").write_text(OBSERVE)
    (carrier.home / "folder").mkdir()
    (carrier.home / "folder/__main__.py").write_text(OBSERVE)
    (carrier.home / "not_python.py").write_text(f"neither is this a line of Python\n{OBSERVE}")
    for name, options in (("plain", ""), ("with_options", " -Eu"), ("by_env", "")):
        first = "/usr/bin/env -S python -u" if name == "by_env" else carrier.python
        (carrier.home / name).write_text(f"#!{first}{options}\n{OBSERVE}")
        (carrier.home / name).chmod(0o755)
    (carrier.home / "linked_python").symlink_to(carrier.python)
    (carrier.home / "linked_script").symlink_to("plain")
