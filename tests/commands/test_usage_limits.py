"""`stackenv usage`: limits of folders, from configured numbers and from the output of a site's command."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from answers import read_result
from occupied import fill_home, measure, write_configuration
from people import Person

from stackenv.disk import limits


def write_command(person: Person, body: str) -> Path:
    path = person.home.parent / "quota-of"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def test_the_limit_command_overrides_the_configured_numbers(person: Person) -> None:
    fill_home(person)
    command = write_command(person, f'[ "$1" = -q ] && [ "$2" = "{person.home}" ] && echo 500 2000 30 -')
    text = f'limits: [{{path: "${{HOME}}", bytes: 1 kB, files: 60, command: ["{command}", -q]}}]\n'
    (limit,) = measure(person, **write_configuration(person, text))["limits"]
    total = measure(person)["total"]
    assert limit["size_bytes"] == {"listed": total["size_bytes"], "used": 500, "limit": 2000}
    assert limit["file_count"] == {"listed": total["file_count"], "used": 30, "limit": 60}
    assert limit["problem"] == ""


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("echo no such user >&2; exit 3", "status 3: no such user"),
        ("echo 12 GB of 1 TB", "printed '12 GB of 1 TB'; expected: four whole numbers"),
        ("echo 1 2 3", "printed '1 2 3'; expected: four whole numbers"),
        ("exec 2>/dev/null; no-such-program", "status 127"),
    ],
)
def test_a_failing_limit_command_is_a_warning(person: Person, body: str, problem: str) -> None:
    fill_home(person)
    command = write_command(person, body)
    text = f'limits: [{{path: "${{HOME}}", files: 60, command: ["{command}"]}}]\n'
    done = person.stackenv("usage", "--json", **write_configuration(person, text))
    (limit,) = read_result(done.stdout)["limits"]
    assert problem in limit["problem"] and problem in done.stderr
    assert limit["file_count"]["used"] is None and limit["file_count"]["limit"] == 60


def test_a_limit_command_that_hangs_is_killed_with_its_children(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "TIMEOUT_S", 2)
    started = person.home / "started"
    command = write_command(person, f'sleep 300 & echo $! > "{started}"; exit 0')
    begin = time.monotonic()
    with pytest.raises(ValueError, match=re.escape("did not end within 2 s")):
        limits.run_limit_command((str(command),), person.environ)
    assert time.monotonic() - begin < 30
    stat = Path(f"/proc/{started.read_text().strip()}/stat")
    # A killed process is gone a moment later.
    while time.monotonic() - begin < 30:
        with contextlib.suppress(OSError):
            if ") Z " not in stat.read_text():
                time.sleep(0.05)
                continue
        return
    pytest.fail(f"process {stat.parent.name} is still there")


def test_a_missing_limit_command_is_a_warning(person: Person) -> None:
    text = 'limits: [{path: "${HOME}", command: [/nonexistent/quota]}]\n'
    done = person.stackenv("usage", **write_configuration(person, text))
    assert "/nonexistent/quota" in done.stderr and "No such file or directory" in done.stderr


def test_a_limit_of_a_missing_folder_is_left_out(person: Person) -> None:
    text = 'limits: [{path: "${WORKSPACE}", bytes: 1}, {path: /nonexistent/x, bytes: 1}]\n'
    assert measure(person, **write_configuration(person, text))["limits"] == []


def test_a_folder_counts_towards_the_nearest_limit(person: Person) -> None:
    fill_home(person)
    shutil.rmtree(person.home / "old")
    text = 'limits: [{path: "${HOME}", files: 1 M}, {path: "${HOME}/conda", files: 1 M}]\n'
    found = measure(person, **write_configuration(person, text))
    home, conda = (limit["file_count"]["listed"] for limit in found["limits"])
    assert home + conda == found["total"]["file_count"]
    done = subprocess.run(
        ["du", "-sc", "--inodes", person.home / "conda/envs/genes", person.home / "conda/pkgs"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert conda == int(done.stdout.splitlines()[-1].split()[0])
