"""What the installed command starts and opens before it answers, as strace counts it."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from pathlib import Path

COMMAND = sysconfig.get_path("scripts") + "/stackenv"
PYTHON = sysconfig.get_path("scripts") + "/python"
PACKAGES = sysconfig.get_path("purelib")
SOURCES = Path(__file__).resolve().parents[2] / "src/stackenv"


def trace(words: list[str], home: Path, **changes: str) -> list[str]:
    """Return the successful starts and openings of the command that `words` are, a line each."""
    trace = home / "trace"
    done = subprocess.run(
        ["strace", "-f", "-qq", "-e", "trace=execve,open,openat", "-z", "-o", str(trace), *words],
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(home), **changes},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return trace.read_text().splitlines()


def count_starts(lines: list[str]) -> int:
    return sum("execve(" in line for line in lines)


def find_modules(lines: list[str]) -> set[str]:
    """Return which modules of stackenv and of its dependencies are opened, and by which folder."""
    opened = (re.search(r'openat\(AT_FDCWD, "([^"]+)\.py[c"]', line) for line in lines)
    paths = (match.group(1) for match in opened if match)
    return {
        re.sub(r"/__pycache__/|\.cpython-\d+", lambda found: "/" * (found.group()[0] == "/"), path)
        for path in paths
        if path.startswith((PACKAGES, str(SOURCES)))
    }


def test_the_version_takes_one_interpreter_and_four_small_files(tmp_path: Path) -> None:
    lines = trace([COMMAND, "--version"], tmp_path)
    assert count_starts(lines) == 1
    # What the interpreter itself opens there, by lines in .pth files.
    own = find_modules(trace([PYTHON, "-I", "-c", "pass"], tmp_path))
    files = {f"{SOURCES}/{name}" for name in ("__init__", "cli/__init__", "cli/start", "errors")}
    assert find_modules(lines) - own == files


def test_wrong_usage_is_answered_from_the_table_of_commands(tmp_path: Path) -> None:
    lines = trace([COMMAND, "lst"], tmp_path)
    assert count_starts(lines) == 1
    found = {path for path in find_modules(lines) if path.startswith(str(SOURCES))}
    names = ("__init__", "cli/__init__", "cli/start", "cli/main", "cli/options", "cli/completers", "errors")
    assert found == {f"{SOURCES}/{name}" for name in names}


def test_a_variable_of_python_takes_a_second_interpreter_which_ignores_it(tmp_path: Path) -> None:
    assert count_starts(trace([COMMAND, "--version"], tmp_path, PYTHONPATH="/nonexistent")) == 2
