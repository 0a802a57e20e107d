"""The output of `stackenv list`: on terminals, in pipes, and as JSON."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from answers import read_result
from stacked import open_stack
from terminals import read_table, show
from users import STACKENV, User, make_user

from stackenv.transactions.process import Process

TITLES = ["MODULE", "KIND", "STATE", "PYTHON", "MODULES", "ENVIRONMENT", "DESCRIPTION"]


@pytest.fixture(scope="module")
def lister(tmp_path_factory: pytest.TempPathFactory) -> User:
    """A user with one module, and one whose record is broken."""
    user = make_user(tmp_path_factory.mktemp("lister"), open_stack("eb5-pythonpath"))
    for name in ("good", "spoilt"):
        made = user.stackenv("create", name, "--description", f"{name} one", load=[user.stack.bundle_module])
        assert made.returncode == 0, made.stderr
    (user.home / "venvs/spoilt-1.0/stackenv/record.json").write_text('{"half": ')
    (user.modules / "theirs").mkdir()
    (user.modules / "theirs/1.0.lua").write_text('help("not ours")\n')
    return user


def run_on_terminal(user: User, columns: int = 250, **changes: str) -> str:
    """Return what `stackenv list` shows on a terminal of `columns` columns, without messages."""
    command = ["sh", "-c", f"exec {STACKENV} list 2>/dev/null"]
    status, shown = show(command, {**user.environ, **changes}, user.home, columns)
    assert status == 0, shown
    return shown


def test_a_pipe_gets_columns_with_titles(lister: User) -> None:
    listed = lister.stackenv("list")
    prefix, bundle = lister.home / "venvs", lister.stack.bundle_module
    assert listed.returncode == 0
    assert listed.stdout.splitlines()[0].split() == TITLES
    assert read_table(listed.stdout) == [
        ["good/1.0", "venv", "-", "3.11.2", bundle, f"{prefix}/good-1.0", "good one"],
        ["spoilt/1.0", "-", "broken", "-", "-", f"{prefix}/spoilt-1.0"],
    ]


def test_a_broken_record_is_reported_with_its_file(lister: User) -> None:
    told = lister.stackenv("list").stderr
    assert f"{lister.home}/venvs/spoilt-1.0/stackenv/record.json is not a usable record" in told


@pytest.mark.parametrize("changes", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_gets_columns_with_titles(lister: User, changes: dict[str, str]) -> None:
    shown = run_on_terminal(lister, **changes)
    if changes:
        assert "\x1b[3" not in shown
        assert shown.splitlines()[0].split() == TITLES
    firsts = [line.split()[0] for line in shown.splitlines()[1:] if not line.startswith(" ")]
    assert firsts == ["good/1.0", "spoilt/1.0"]
    assert "\t" not in shown


def read_rows(shown: str) -> list[list[str]]:
    """Return the cells of each row in the order of TITLES, including those on lines of their own below it."""
    first, *rest = shown.splitlines()
    beside = re.findall(r"\S+(?: +|$)", first)
    starts = [sum(map(len, beside[:n])) for n in range(len(beside))]
    rows: list[dict[str, str]] = []
    for line in rest:
        if line.startswith(" "):
            title, cell = re.split(r"  +", line.strip(), maxsplit=1)
            assert title not in rows[-1]
            rows[-1][title] = cell
        else:
            cells = (line[a:b].strip() for a, b in zip(starts, [*starts[1:], None]))
            rows.append(dict(zip(map(str.strip, beside), cells)))
    return [[row.get(title, "") for title in TITLES] for row in rows]


@pytest.mark.parametrize("columns", [40, 60, 80, 250])
def test_nothing_is_cut_on_a_narrow_terminal(lister: User, columns: int) -> None:
    shown = run_on_terminal(lister, columns, NO_COLOR="1")
    assert read_rows(shown) == [
        ["good/1.0", "venv", "-", "3.11.2", lister.stack.bundle_module, "~/venvs/good-1.0", "good one"],
        ["spoilt/1.0", "-", "broken", "-", "-", "~/venvs/spoilt-1.0", ""],
    ]
    # A line longer than the terminal is one cell on a line of its own.
    assert all(len(line) <= int(columns) or line.startswith(" ") for line in shown.splitlines())


def test_a_name_longer_than_the_terminal_is_shown_completely(user: User) -> None:
    name = f"{'a-name-that-somebody-has-thought-of-' * 2}long"
    made = user.stackenv("create", name, load=[user.stack.bundle_module])
    assert made.returncode == 0, made.stderr
    lines = run_on_terminal(user, 40, NO_COLOR="1").splitlines()
    assert lines[1] == f"{name}/1.0"
    # The path has a line to itself, so that it can be copied. There is no description.
    assert lines[-1].split() == ["ENVIRONMENT", f"~/venvs/{name}-1.0"]
    assert not any("DESCR" in line for line in lines)


def test_the_json_output_keeps_its_shape(lister: User) -> None:
    good, spoilt = read_result(lister.stackenv("list", "--json").stdout)
    assert good == {
        "module": "good/1.0",
        "environment": str(lister.home / "venvs/good-1.0"),
        "modulefile": str(lister.modules / "good/1.0.lua"),
        "kind": "venv",
        "loaded": False,
        "default": False,
        "packed": False,
        "modules": [lister.stack.bundle_module],
        "python_version": "3.11.2",
        "description": "good one",
        "problem": "",
        "hint": "",
    }
    assert spoilt.keys() == good.keys() and spoilt["problem"] and spoilt["hint"]


def test_without_modules_list_says_so_and_json_is_an_empty_list(user: User) -> None:
    assert read_result(user.stackenv("list", "--json").stdout) == []
    assert "no personal modules in" in user.stackenv("list").stderr
    assert not user.modules.exists()


def test_a_hundred_environments_are_listed_within_ten_seconds(lister: User, tmp_path: Path) -> None:
    user = make_user(tmp_path, lister.stack)
    shutil.copytree(lister.modules / "good", user.modules / "m000")
    for number in range(1, 100):
        shutil.copytree(user.modules / "m000", user.modules / f"m{number:03}")
    began = time.monotonic()
    listed = user.stackenv("list")
    took = time.monotonic() - began
    assert [row[0] for row in read_table(listed.stdout)] == [f"m{n:03}/1.0" for n in range(100)]
    # The real bound is measured in tests/bench; a busy machine alone does not exceed this one.
    assert took < 10


def test_a_closed_pipe_or_a_full_disk_gives_no_traceback(lister: User) -> None:
    done = lister.run("stackenv list | :; stackenv list >/dev/full || echo failed")
    assert done.stdout == "failed\n"
    assert "No space left on device" in done.stderr and "Traceback" not in done.stderr


def test_an_unfinished_create_in_a_read_only_folder_is_reported_and_list_works(
    lister: User, tmp_path: Path
) -> None:
    if os.geteuid():
        pytest.skip("a read-only mount takes root")
    user = make_user(tmp_path, lister.stack)
    shutil.copytree(lister.modules / "good", user.modules / "good")
    ended = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True, check=True).stdout.strip()
    (user.modules / ".stackenv").mkdir()
    entry = {
        "subject": "lost/1.0",
        "command": "stackenv create lost",
        "host": os.uname().nodename,
        "pid": int(ended),
        "start": "1",
        "boot": Process.current().boot,
        "pid_namespace": Process.current().pid_namespace,
        "undo": [{"change": "RemoveFile", "path": str(user.modules / "lost/1.0.lua")}],
        "finish": [],
    }
    (user.modules / ".stackenv/lost@1.0.json").write_text(json.dumps(entry))
    script = f"mount --bind {user.modules} {user.modules} && mount -o remount,bind,ro {user.modules}"
    listed = user.run(f"unshare -m bash -c '{script} && stackenv list'")
    assert listed.returncode == 0 and read_table(listed.stdout)[0][0] == "good/1.0", listed.stderr
    assert "stackenv create lost" in listed.stderr and "Read-only file system" in listed.stderr
