"""Which processes the installed command starts and which files it opens, as counted by strace."""

from __future__ import annotations

import json
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest
from people import Person

COMMAND = sysconfig.get_path("scripts") + "/stackenv"
PYTHON = sysconfig.get_path("scripts") + "/python"
PACKAGES = sysconfig.get_path("purelib")
SOURCES = Path(__file__).resolve().parents[2] / "src/stackenv"


def trace(words: list[str], home: Path, **changes: str) -> list[str]:
    """Run `words` under strace; return a line for each program started and each file opened successfully."""
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
    """Return the paths, without suffix, of the opened modules of stackenv and of its dependencies."""
    opened = (re.search(r'openat\(AT_FDCWD, "([^"]+)\.py[c"]', line) for line in lines)
    paths = (match.group(1) for match in opened if match)
    return {
        re.sub(r"/__pycache__/|\.cpython-\d+", lambda found: "/" * (found.group()[0] == "/"), path)
        for path in paths
        if path.startswith((PACKAGES, str(SOURCES)))
    }


def test_version_starts_one_interpreter_and_opens_four_files(tmp_path: Path) -> None:
    lines = trace([COMMAND, "--version"], tmp_path)
    assert count_starts(lines) == 1
    # Files that the interpreter opens there itself, because of .pth files.
    own = find_modules(trace([PYTHON, "-I", "-c", "pass"], tmp_path))
    files = {f"{SOURCES}/{name}" for name in ("__init__", "cli/__init__", "cli/start", "errors")}
    assert find_modules(lines) - own == files


def test_an_unknown_command_is_refused_without_importing_any_command(tmp_path: Path) -> None:
    lines = trace([COMMAND, "lst"], tmp_path)
    assert count_starts(lines) == 1
    found = {path for path in find_modules(lines) if path.startswith(str(SOURCES))}
    names = ["__init__", "cli/__init__", "cli/start", "cli/main", "cli/options", "cli/completers", "errors"]
    names += ["cli/json_option", "output", "terminal"]
    assert found == {f"{SOURCES}/{name}" for name in names}


def test_a_set_pythonpath_starts_a_second_interpreter(tmp_path: Path) -> None:
    assert count_starts(trace([COMMAND, "--version"], tmp_path, PYTHONPATH="/nonexistent")) == 2


@pytest.fixture(scope="module")
def lister(owner: Person) -> Person:
    """Return the person with biopy/1.0, twenty copies of it, and the site configuration cached."""
    record = json.loads((owner.home / "venvs/biopy-1.0/stackenv/record.json").read_text())
    modulefile = (owner.modules / "biopy/1.0.lua").read_text()
    for number in range(20):
        prefix = owner.home / f"venvs/copy-{number}"
        (prefix / "stackenv").mkdir(parents=True)
        (prefix / "stackenv/record.json").write_text(json.dumps({**record, "path": str(prefix)}))
        (owner.modules / f"copy{number}").mkdir()
        text = modulefile.replace(record["path"], str(prefix))
        (owner.modules / f"copy{number}/1.0.lua").write_text(text)
    assert owner.stackenv("list").returncode == 0
    return owner


def test_list_starts_no_process_and_opens_two_files_per_environment(lister: Person) -> None:
    lines = trace([COMMAND, "list"], lister.home, **lister.environ)
    assert count_starts(lines) == 1
    opened = [
        match.group(1) for line in lines for match in [re.search(r'AT_FDCWD, "([^"]+)"', line)] if match
    ]
    below = [path for path in opened if path.startswith(f"{lister.home}/") and Path(path).is_file()]
    written = lister.home / ".cache/stackenv/configuration.json"
    prefixes = (lister.home / "venvs/biopy-1.0", *(lister.home / f"venvs/copy-{n}" for n in range(20)))
    files = {written, *lister.modules.glob("*/*.lua"), *(p / "stackenv/record.json" for p in prefixes)}
    assert sorted(below) == sorted(map(str, files))


@pytest.mark.parametrize(
    ("words", "environ"),
    [(["list"], {}), (["list", "--json"], {}), ([], {"_STACKENV_COMPLETE": "stackenv info co"})],
    ids=["list", "list --json", "TAB"],
)
def test_list_and_completion_import_only_what_they_need(
    lister: Person, words: list[str], environ: dict[str, str]
) -> None:
    lines = trace([COMMAND, *words], lister.home, **{**lister.environ, **environ})
    names = {re.sub(r"^.*/(site-packages|src)/", "", path) for path in find_modules(lines)}
    tops = {name.partition("/")[0] for name in names} - {"_distutils_hack"}
    assert tops <= ({"stackenv"} if environ else {"stackenv", "click"})
    slow = {"loader", "schema", "journal", "scratch", "process", "files"}
    assert not {name for name in names if name.startswith("stackenv/") and Path(name).name in slow}
    assert len([name for name in names if name.startswith("stackenv/")]) <= (24 if environ else 32)
