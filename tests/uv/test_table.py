"""The experiment with stubs and bin/uv: what each command of uv does with neither, each alone, and both.

It is run with two versions of uv, the newest and a year-old one. The results are in table.txt. If a change
is meant to alter them:

    STACKENV_UPDATE_GOLDEN=1 python -m pytest tests/uv/test_table.py; git diff tests/uv/table.txt
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from stacked import open_stack
from users import User, make_user
from uv_rows import ROWS, Row
from uv_table import MODES, format_table, read_table
from uvs import UVS
from wheels import make_wheel

TABLE = Path(__file__).with_name("table.txt")
HELD = "1.25.1"
HEAD = f"""\
What commands of uv do to numpy in an environment whose module brings numpy {HELD}: test_table.py runs them.

Each cell: how the command ended, what of numpy is in the environment's own site-packages then (nothing, a
stub, or a real one), and whose numpy the environment imports, the module's or its own. In lines below a
command: what the command shows, or has put elsewhere. needs-numpy needs any numpy, and is there in 1.0 and
1.1; wants-numpy-two needs numpy>=2, of which there is 2.1.1; the files and projects are named for what they
need. In no shell is UV_CONSTRAINT or PIP_CONSTRAINT set.

newest: uv 0.13.9; a year old: uv 0.9.13
"""
PROJECT = """\
[project]
name = "p"
version = "1"
requires-python = "==3.11.*"
dependencies = [{}]
"""
# Left to the matrix: no decision depends on what the year-old uv does with one part alone.
OF_THE_MATRIX = [("a year old", mode) for mode in MODES if mode != "both"]
# Exit statuses of a shell that could not run a row.
UNTRIED = ("98", "126", "127")
SCRIPT = """\
# /// script
# dependencies = ["needs-numpy"]
# ///
import os
os.execvp("whose", ["whose", "python"])
"""
FILES = {
    "script.py": SCRIPT,
    "numpy-two.txt": "numpy==2.1.1\n",
    "without-numpy.txt": "six\nneeds-numpy\n",
    "needs-numpy.in": "needs-numpy\n",
    "wants-two.in": "wants-numpy-two\n",
}
# Programs that the rows run: `there` prints which numpy an environment or folder has, `whose` whose numpy a
# Python imports.
THERE = """\
#!/bin/bash
found=''
for info in "$1"/numpy-*.dist-info "$1"/lib/python3*/site-packages/numpy-*.dist-info; do
    [ -d "$info" ] || continue
    version=${info##*/numpy-}
    version=${version%.dist-info}
    ! grep -qs '^stackenv$' "$info/INSTALLER" || version=stub
    found="$found${found:+ and }$version"
done
echo "${found:-nothing}"
"""
WHOSE = """\
#!/bin/sh
PYTHONPYCACHEPREFIX=$BASE/pycache exec "$@" -c '
import numpy, os
print("module" if numpy.__file__.startswith(os.environ["SOFTWARE"]) else "own", numpy.__version__)'
"""
RUN_ROWS = """
export PATH=$TOOLS:/usr/bin:/bin
module use ~/modules
ml it || exit
declare -A imported
cd "$BASE"
for number in $(seq "$ROWS"); do
    rm -rf "$SITE" row
    cp -a "$KEPT" "$SITE"
    cp -a files row
    (cd row; exec env -u UV_CONSTRAINT -u PIP_CONSTRAINT bash -o pipefail "$BASE/$number.sh") \\
        >"$number.out" 2>"$number.err"
    status=$?
    # What is imported depends on what is there.
    listing=$(cd "$SITE"; echo numpy*)
    [ -n "${imported[$listing]-}" ] || imported[$listing]=$(whose python)
    echo "$status|$(there "$VIRTUAL_ENV")|${imported[$listing]}"
done
"""
# Runs in the shell that starts uv.
IS_UNSET = """\
[ -z "${UV_CONSTRAINT+set}${PIP_CONSTRAINT+set}" ] || exit 98
"""


@dataclass(frozen=True)
class Experiment:
    """A user with the environment `it` at `prefix`, and copies of it with and without stubs in `base`."""

    user: User
    base: Path
    prefix: Path

    def run(self, uv: str, mode: str) -> dict[str, str]:
        """Return the cells of each row for this uv and mode, by label."""
        kept = self.base / ("with stubs" if mode in ("stubs alone", "both") else "without stubs")
        shutil.rmtree(self.prefix)
        subprocess.run(["cp", "-a", kept, self.prefix], check=True)
        if mode in ("neither", "stubs alone"):
            (self.prefix / "bin/uv").unlink()
        (site,) = self.prefix.glob("lib/python3*/site-packages")
        done = self.user.run(
            RUN_ROWS,
            BASE=str(self.base),
            SITE=str(site),
            KEPT=str(kept / site.relative_to(self.prefix)),
            TOOLS=str(self.base / uv.replace(" ", "-")),
            SOFTWARE=self.user.stack.software,
            WHEELS=self.user.stack.wheels,
            ROWS=str(len(ROWS)),
        )
        results = done.stdout.splitlines()
        assert len(results) == len(ROWS), done.stderr
        return dict(cell for number, result in enumerate(results) for cell in self.describe(number, result))

    def describe(self, number: int, result: str) -> Iterator[tuple[str, str]]:
        """Yield the label and cell of a row, and of what its command shows, if that is in the table."""
        row = ROWS[number]
        status, there, imported = result.split("|")
        assert status not in UNTRIED, f"{row.label}: {self.read(number, 'err')}"
        yield row.label, shorten(f"{'done' if status == '0' else f'status {status}'}, {there}, {imported}")
        if row.shown:
            said = "; ".join(self.read(number, "out").splitlines())
            yield label_of_shown(row), shorten(said or "nothing")

    def read(self, number: int, what: str) -> str:
        return (self.base / f"{number + 1}.{what}").read_text()


def shorten(text: str) -> str:
    """Return `text` without the version of the module's numpy, and of an own numpy that is already named."""
    return re.sub(r"(\S+), own \1$", r"\1, own", text.replace(f"module {HELD}", "module"))


def label_of_shown(row: Row) -> str:
    return f"{row.label}: {row.shown}"


LABELS = [label for row in ROWS for label in (row.label, *([label_of_shown(row)] if row.shown else []))]


def make_files(base: Path) -> None:
    """Make in `base` the files and projects with which each row starts, the scripts, and the two uvs."""
    files = base / "files"
    files.mkdir()
    for name, lines in FILES.items():
        (files / name).write_text(lines)
    for name, needed in (("empty", ""), ("needing", '"needs-numpy"')):
        (files / name).mkdir()
        (files / name / "pyproject.toml").write_text(PROJECT.format(needed))
    for number, row in enumerate(ROWS, start=1):
        (base / f"{number}.sh").write_text(IS_UNSET + row.script)
    for uv, folder in UVS.items():
        tools = base / uv.replace(" ", "-")
        tools.mkdir()
        for program in ("uv", "uvx"):
            (tools / program).symlink_to(folder / program)
        for name, text in (("there", THERE), ("whose", WHOSE)):
            (tools / name).write_text(text)
            (tools / name).chmod(0o755)


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """Return the experiment with a new environment."""
    base = tmp_path_factory.mktemp("table")
    user = make_user(base, open_stack("eb5-pythonpath"))
    wheels = base / "wheels"
    for name, version, needed in (
        ("needs-numpy", "1.0", "numpy"),
        ("needs-numpy", "1.1", "numpy"),
        ("wants-numpy-two", "1.0", "numpy>=2"),
    ):
        make_wheel(wheels, name, version, [needed])
    alone = {
        "UV_FIND_LINKS": f"{user.stack.wheels},{wheels}",
        "UV_PYTHON_DOWNLOADS": "never",
    }
    user = User(user.home, {**user.environ, **alone}, user.stack)
    make_files(base)
    prefix = user.home / "venvs/it-1.0"
    for kept, *words in (
        ("with stubs", "create", "it"),
        ("without stubs", "edit", "it", "--no-stubs"),
    ):
        done = user.stackenv(*words, load=[user.stack.bundle_module])
        assert done.returncode == 0, done.stderr
        subprocess.run(["cp", "-a", prefix, base / kept], check=True)
    return Experiment(user, base, prefix)


@pytest.mark.parametrize(
    ("uv", "mode"),
    [
        pytest.param(uv, mode, marks=[pytest.mark.matrix] if (uv, mode) in OF_THE_MATRIX else [])
        for uv in UVS
        for mode in MODES
    ],
)
def test_the_table_says_what_each_command_of_uv_does(experiment: Experiment, uv: str, mode: str) -> None:
    seen = experiment.run(uv, mode)
    cells = read_table(TABLE)
    if os.environ.get("STACKENV_UPDATE_GOLDEN") == "1":
        cells.update({(label, uv, mode): text for label, text in seen.items()})
        TABLE.write_text(format_table(HEAD, LABELS, cells), encoding="utf-8")
    told = {label: cells.get((label, uv, mode)) for label in LABELS}
    others = [label for label in LABELS if told[label] != seen[label]]
    said = [experiment.read(n, "err") for n, row in enumerate(ROWS) if row.label in others]
    assert not others, "\n".join([*(f"{label}: {seen[label]}" for label in others), *said])


def test_the_table_has_these_commands_and_versions_of_uv() -> None:
    cells = read_table(TABLE)
    assert TABLE.read_text(encoding="utf-8") == format_table(HEAD, LABELS, cells)
    for uv, folder in UVS.items():
        version = subprocess.run([folder / "uv", "--version"], capture_output=True, text=True, check=True)
        assert f"{uv}: uv {version.stdout.split()[1]}" in HEAD
