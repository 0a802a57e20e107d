"""Modules that do odd things when they are imported: in one process, and in another after a crash."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Callable

import pytest
from checking import SITE, find, install, take_one
from people import COMMAND, Person

from stackenv.health import extensions
from stackenv.health.extensions import PROBE, RunningImports

# What each module does, and the expected report: kind and a part of its text, or None if the import works.
ODD = {
    "works": ("", None),
    "prints": ("import sys; print('x' * 100000); print('y', file=sys.stderr); sys.stdin.read()", None),
    "moves": ("import os; os.chdir('/')", None),
    "threads": (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(300,)).start()\n",
        None,
    ),
    "forks": ("import os\nif not os.fork(): raise ImportError('undefined symbol: of the child')\n", None),
    "leaves": ("import subprocess; subprocess.Popen(['sleep', '20'], close_fds=False)", None),
    "masks": ("import os; os.umask(0); os.environ.clear()", None),
    "exits": ("import sys; sys.exit(4)", ("SystemExit", "4")),
    "interrupts": ("raise KeyboardInterrupt", ("KeyboardInterrupt", "")),
    "speaks": (
        "class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd",
        ("Odd", ""),
    ),
    "long": ("raise RuntimeError('x' * 300000)", ("RuntimeError", "xxx")),
    "display": (
        "import os\nif 'DISPLAY' not in os.environ: raise RuntimeError('no display name')",
        ("RuntimeError", "no display name"),
    ),
    "ends": ("import os; os._exit(3)", ("exit", "it ends the program, with status 3")),
    "crashes": ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", ("crash", "killed by signal 11")),
    "closes": (
        "import os; os.closerange(0, 200)",
        ("exit", "it closes the files of the program that imports it"),
    ),
    "hangs": ("import time; time.sleep(300)", ("slow", "the import did not end within 2 s")),
    "deaf": (
        "import signal, time\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 60))\nwhile True: time.sleep(1)\n",
        ("slow", "the import did not end within 2 s"),
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
    """Return the kind and the text of each failure, by module."""
    with closing(RunningImports(sys.executable, groups, environ)) as imports:
        return {name: (kind, words) for name, kind, words in imports.list_failed()}


@pytest.fixture
def soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an import count as hanging after two seconds."""
    probe = tmp_path / "probe.py"
    probe.write_text(PROBE.read_text().replace("HANGS_AFTER_S = 60", "HANGS_AFTER_S = 2"))
    monkeypatch.setattr(extensions, "PROBE", probe)


@pytest.mark.parametrize("name", ODD)
def test_an_odd_module_is_reported_as_expected_and_others_are_imported(modules, soon, name) -> None:
    _, expected = ODD[name]
    found = import_all([["works", name, "absent"]], modules)
    assert found.pop("absent")[0] == "ModuleNotFoundError"
    if expected is None:
        assert found == {}
    else:
        ((kind, words),) = found.values()
        assert kind == expected[0] and expected[1] in words and set(found) == {name}


def test_modules_share_one_process_until_one_crashes(modules, tmp_path) -> None:
    environ = {**modules, "COUNTED": str(tmp_path / "counted")}
    for name in ("first", "second", "third", "fourth"):
        (Path(modules["PYTHONPATH"]) / f"{name}.py").write_text(COUNT)
    assert import_all([["first"], ["second", "third"], ["fourth"]], environ) == {}
    assert len(set((tmp_path / "counted").read_text().split())) == 1
    (tmp_path / "counted").unlink()
    found = import_all([["first", "crashes"], ["second"]], environ)
    assert found == {"crashes": ("crash", "killed by signal 11")}
    assert len(set((tmp_path / "counted").read_text().split())) == 2


def test_a_module_that_fails_only_beside_another_is_not_reported(modules) -> None:
    folder = Path(modules["PYTHONPATH"])
    (folder / "alone.py").write_text(
        "import sys\nif 'works' in sys.modules: raise ImportError('undefined symbol: of another')\n"
    )
    assert import_all([["works"], ["alone"]], modules) == {}
    (folder / "damaged.py").write_text("raise ImportError('undefined symbol: of its own')\n")
    found = import_all([["works"], ["alone", "damaged"]], modules)
    assert found == {"damaged": ("ImportError", "undefined symbol: of its own")}


@pytest.mark.parametrize(
    "done",
    [
        "sys.path[:] = sys.path[1:]",
        "sys.path = []",
        "sys.meta_path.clear()",
        "sys.path_hooks.clear(); sys.path_importer_cache.clear()",
        "os.environ.pop('PYTHONPATH')",
        "sys.path_importer_cache.update(dict.fromkeys(sys.path))",
    ],
)
def test_import_settings_changed_by_a_package_do_not_hide_a_broken_one(modules, done) -> None:
    folder = Path(modules["PYTHONPATH"])
    (folder / "changes.py").write_text(f"import os, sys\n{done}\n")
    (folder / "part.py").write_text("")
    damage = "import os\nos.environ['PYTHONPATH']\nimport part\nraise ImportError('undefined symbol: f')\n"
    (folder / "damaged.py").write_text(damage)
    found = import_all([["changes"], ["damaged"]], modules)
    assert found == {"damaged": ("ImportError", "undefined symbol: f")}


def test_modules_found_by_a_path_that_a_package_adds_are_imported(modules) -> None:
    folder = Path(modules["PYTHONPATH"])
    (folder / "vendored").mkdir()
    (folder / "vendored/inner.py").write_text("")
    (folder / "adds.py").write_text(f"import sys\nsys.path.append({str(folder / 'vendored')!r})\n")
    (folder / "uses.py").write_text("import adds, inner\n")
    assert import_all([["adds", "uses"], ["works"]], modules) == {}


def test_the_progress_bar_counts_the_imports_of_both_attempts(modules, soon) -> None:
    bars: list[list[object]] = []

    @contextmanager
    def showing(title: str, total: int) -> Iterator[Callable[[int], None]]:
        bars.append([title, total, 0])

        def advance(more: int) -> None:
            bars[-1][2] += more

        yield advance

    groups = [["works", "ends", "exits"], ["hangs"]]
    with closing(RunningImports(sys.executable, groups, modules)) as imports:
        imports.list_failed(showing)
    # The last import hangs and is not done; the progress at the very end may or may not be received.
    assert bars[0][:2] == ["importing", 4] and bars[0][2] in (3, 4) and bars[1][:2] == ["importing", 1]


def test_an_import_cycle_within_a_package_is_not_tried_again(modules, tmp_path) -> None:
    environ = {**modules, "COUNTED": str(tmp_path / "counted")}
    folder = Path(modules["PYTHONPATH"])
    (folder / "first.py").write_text(f"{COUNT}import second\n")
    (folder / "second.py").write_text("from first import name\n")
    assert import_all([["works"], ["first"]], environ)["first"][0] == "ImportError"
    assert len((tmp_path / "counted").read_text().split()) == 1


def test_the_probe_prints_a_dot_for_each_import(modules, tmp_path) -> None:
    asked, answer = tmp_path / "asked", tmp_path / "answer"
    asked.write_text(json.dumps([["works", "exits"], ["moves"]]))
    done = subprocess.run(
        [sys.executable, PROBE, answer, asked], env=modules, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("...", "")


# Writes its process number, blocks each signal that can be blocked, and runs forever.
STAYS = (
    "import os, signal, time\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 60))\n"
    "open(os.environ['COUNTED'], 'w').write(str(os.getpid()) + '\\n')\nwhile True: time.sleep(1)\n"
)


@pytest.fixture
def stays(modules, tmp_path) -> tuple[dict[str, str], Path]:
    """Write the module `stays`; return the environment variables, and the file to which it writes."""
    (Path(modules["PYTHONPATH"]) / "stays.py").write_text(STAYS)
    return {**modules, "COUNTED": str(tmp_path / "number")}, tmp_path / "number"


def wait_for(condition: Callable[[], bool]) -> bool:
    """Return whether `condition` holds within half a minute."""
    until = time.monotonic() + 30
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)
    return condition()


def read_number(path: Path) -> int:
    """Wait until a process number is written to `path`, and return it."""
    assert wait_for(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


def is_running(number: int) -> bool:
    """Return whether the process `number` runs; a zombie does not."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_closing_the_imports_ends_their_processes(stays) -> None:
    environ, written = stays
    with closing(RunningImports(sys.executable, [["stays"]], environ)) as imports:
        number = imports.probe.process.pid
        child = read_number(written)
        assert child != number and is_running(child)
    assert wait_for(lambda: not is_running(number) and not is_running(child))


def test_imports_end_when_their_parent_process_is_killed(stays) -> None:
    environ, written = stays
    code = (
        "import os, sys\nfrom stackenv.health.extensions import RunningImports\n"
        "RunningImports(sys.executable, [['stays']], dict(os.environ)).list_failed()\n"
    )
    asking = subprocess.Popen([sys.executable, "-c", code], env=environ)
    child = read_number(written)
    asking.kill()
    asking.wait()
    assert wait_for(lambda: not is_running(child))


def install_stays(site: Path, written: Path) -> None:
    """Install a package whose module is treated as compiled, writes to `written`, and runs forever."""
    extension = "stays.cpython-399-x.so"
    (site / extension).touch()
    (site / "stays.py").write_text(STAYS.replace("os.environ['COUNTED']", repr(str(written))))
    install(site, "stays", "1.0", files=f"{extension},,\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name)
def test_an_interrupted_check_leaves_no_process_and_no_files(person: Person, tmp_path, number) -> None:
    written, temporary = tmp_path / "number", tmp_path / "temporary"
    temporary.mkdir()
    install_stays(person.create("biopy") / SITE, written)
    checking = subprocess.Popen(
        [COMMAND, "check", "biopy"],
        env={**person.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Under nohup, the tests themselves ignore SIGHUP.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    child = read_number(written)
    assert list(temporary.iterdir()) != []
    # Only one process gets the signal, as with `kill`.
    checking.send_signal(number)
    out, said = checking.communicate(timeout=60)
    assert (checking.returncode, out) == (128 + number, ""), said
    assert said == f"error: interrupted by {number.name}; nothing was changed\n"
    assert not is_running(child) and list(temporary.iterdir()) == []


def test_modules_not_imported_because_of_a_writable_record_are_reported(person: Person, tmp_path) -> None:
    prefix = person.create("biopy")
    install_stays(prefix / SITE, tmp_path / "number")
    record = prefix / "stackenv/record.json"
    record.chmod(0o664)
    found = take_one(find(person, "extensions", "biopy"))
    assert (found["level"], found["where"]) == ("unchecked", str(record))
    assert found["what"].startswith("1 compiled module was not imported: ")
    assert f"chmod go-w {record}" in found["hint"]
    assert not (tmp_path / "number").exists()
    # Without a NAME, nothing is imported in any case.
    assert find(person, "extensions") == []
