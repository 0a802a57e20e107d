"""Questions to another Python: its answer, or why it did not answer."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from stackenv.probe import ProbeError, run_probe

pytestmark = pytest.mark.quick

ANSWER = (
    "import json, os, sys\njson.dump([json.load(open(sys.argv[2])), os.listdir()], open(sys.argv[1], 'w'))\n"
)


def ask(tmp_path: Path, script: str, **options: object) -> object:
    path = tmp_path / "script.py"
    path.write_text(script)
    return run_probe((sys.executable, "-S"), path, os.environ, 20, {"a": ["é"]}, **options)


def test_a_probe_returns_the_answer_of_its_script(tmp_path: Path) -> None:
    # The current folder of the script has only the question.
    assert ask(tmp_path, ANSWER) == [{"a": ["é"]}, ["asked.json"]]


def test_an_answer_written_before_a_crash_is_returned(tmp_path: Path) -> None:
    script = (
        "import json, os, sys\nwith open(sys.argv[1], 'w') as f: json.dump(1, f)\nos.kill(os.getpid(), 6)\n"
    )
    assert ask(tmp_path, script) == 1


@pytest.mark.parametrize(
    ("script", "words", "status"),
    [
        ("import sys; sys.exit('no luck')", "does not run: no luck", 1),
        ("import sys; open(sys.argv[1], 'w').write('{'); sys.exit(7)", "does not run: exit status 7", 7),
        ("pass", "does not run: exit status 0", 0),
    ],
)
def test_a_probe_without_an_answer_reports_the_output_or_exit_status(
    tmp_path: Path, script: str, words: str, status: int
) -> None:
    with pytest.raises(ProbeError) as caught:
        ask(tmp_path, script)
    assert (caught.value.message, caught.value.process_status) == (f"{sys.executable} {words}", status)


def test_a_probe_of_a_hanging_or_missing_python_is_an_error(tmp_path: Path) -> None:
    hangs = tmp_path / "hangs.py"
    hangs.write_text("import time; time.sleep(100)")
    with pytest.raises(ProbeError, match="did not end and was killed after 1 s") as caught:
        run_probe((sys.executable,), hangs, os.environ, 1)
    assert caught.value.process_status is None
    with pytest.raises(ProbeError, match="does not run: No such file"):
        run_probe((str(tmp_path / "none"),), hangs, os.environ, 1)


def test_a_probe_can_be_started_by_another_command(tmp_path: Path) -> None:
    def start(words: object) -> tuple[str, ...]:
        return ("/bin/sh", "-c", 'QUESTION=5 exec "$@"', "sh", *words)

    script = "import json, os, sys\njson.dump(os.environ['QUESTION'], open(sys.argv[1], 'w'))\n"
    assert ask(tmp_path, script, start=start) == "5"
