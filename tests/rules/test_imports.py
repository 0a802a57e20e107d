"""Modules that do odd things when they are imported: in one process, and in another behind a crash."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from stackenv.health import extensions
from stackenv.health.extensions import PROBE, RunningImports

# What each does, and as what it is reported: kind and a part of the words; None for what works.
ODD = {
    "works": ("", None),
    "prints": ("import sys; print('x' * 100000); print('y', file=sys.stderr); sys.stdin.read()", None),
    "moves": ("import os; os.chdir('/')", None),
    "threads": (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(300,)).start()\n",
        None,
    ),
    "forks": ("import os\nos.fork()\n", None),
    "leaves": ("import subprocess; subprocess.Popen(['sleep', '20'], close_fds=False)", None),
    "masks": ("import os; os.umask(0); os.environ.clear()", None),
    "exits": ("import sys; sys.exit(4)", ("SystemExit", "4")),
    "interrupts": ("raise KeyboardInterrupt", ("KeyboardInterrupt", "")),
    "speaks": (
        "class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd",
        ("exit", "it ends the program, with status 0"),
    ),
    "long": ("raise RuntimeError('x' * 300000)", ("RuntimeError", "xxx")),
    "display": (
        "import os\nif 'DISPLAY' not in os.environ: raise RuntimeError('no display name')",
        ("RuntimeError", "no display name"),
    ),
    "ends": ("import os; os._exit(3)", ("exit", "it ends the program, with status 3")),
    "crashes": ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", ("crash", "killed by signal 11")),
    "closes": ("import os; os.closerange(0, 200)", ("exit", "it ends the program, with status 0")),
    "hangs": ("import time; time.sleep(300)", ("slow", "not imported within 2 s")),
    "deaf": (
        "import signal, time\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 60))\nwhile True: time.sleep(1)\n",
        ("slow", "not imported within 2 s"),
    ),
    "sees": ("import prints, os\nassert os.path.exists('asked.json')", None),
}
COUNT = "import os\nopen(os.environ['COUNTED'], 'a').write(f'{os.getpid()}\\n')\n"


@pytest.fixture
def modules(tmp_path: Path) -> dict[str, str]:
    """Write the modules; return the environment variables with which they are found."""
    folder = tmp_path / "modules"
    folder.mkdir()
    for name, (text, _) in ODD.items():
        (folder / f"{name}.py").write_text(text)
    return {"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


def import_all(groups: list[list[str]], environ: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Return kind and words of what fails."""
    with closing(RunningImports(sys.executable, groups, environ)) as imports:
        return {name: (kind, words) for name, kind, words in imports.list_failed()}


@pytest.fixture
def soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a module hang after two seconds."""
    probe = tmp_path / "probe.py"
    probe.write_text(PROBE.read_text().replace("HANGS_AFTER_S = 60", "HANGS_AFTER_S = 2"))
    monkeypatch.setattr(extensions, "PROBE", probe)


@pytest.mark.parametrize("name", ODD)
def test_a_module_is_reported_and_the_others_are_imported(modules, soon, name) -> None:
    _, expected = ODD[name]
    found = import_all([["works", name, "absent"]], modules)
    assert found.pop("absent")[0] == "ModuleNotFoundError"
    if expected is None:
        assert found == {}
    else:
        ((kind, words),) = found.values()
        assert kind == expected[0] and expected[1] in words and set(found) == {name}


def test_all_are_imported_in_one_process_until_one_crashes(modules, tmp_path) -> None:
    environ = {**modules, "COUNTED": str(tmp_path / "counted")}
    for name in ("first", "second", "third", "fourth"):
        (Path(modules["PYTHONPATH"]) / f"{name}.py").write_text(COUNT)
    assert import_all([["first"], ["second", "third"], ["fourth"]], environ) == {}
    assert len(set((tmp_path / "counted").read_text().split())) == 1
    (tmp_path / "counted").unlink()
    found = import_all([["first", "crashes"], ["second"]], environ)
    assert found == {"crashes": ("crash", "killed by signal 11")}
    assert len(set((tmp_path / "counted").read_text().split())) == 2


def test_one_that_fails_only_beside_another_package_is_right(modules) -> None:
    folder = Path(modules["PYTHONPATH"])
    (folder / "alone.py").write_text(
        "import sys\nif 'works' in sys.modules: raise ImportError('undefined symbol: of another')\n"
    )
    assert import_all([["works"], ["alone"]], modules) == {}
    (folder / "damaged.py").write_text("raise ImportError('undefined symbol: of its own')\n")
    found = import_all([["works"], ["alone", "damaged"]], modules)
    assert found == {"damaged": ("ImportError", "undefined symbol: of its own")}


def test_how_many_are_done_is_written(modules, tmp_path) -> None:
    asked, answer = tmp_path / "asked", tmp_path / "answer"
    asked.write_text(json.dumps([["works", "exits"], ["moves"]]))
    done = subprocess.run(
        [sys.executable, PROBE, answer, asked], env=modules, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("...", "")


def test_imports_that_nobody_waits_for_end(modules) -> None:
    begun = time.monotonic()
    with closing(RunningImports(sys.executable, [["hangs"]], modules)) as imports:
        number = imports.probe.process.pid
    assert time.monotonic() - begun < 100
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
