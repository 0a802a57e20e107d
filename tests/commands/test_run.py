"""`stackenv run`: the command uses the environment, and no process or variable of stackenv remains."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest
from people import COMMAND, MINOR, Person

ENVIRON = "import json, os; print(json.dumps(dict(os.environ)))"


def start(person: Person, *words: str, **streams: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [COMMAND, "run", "biopy", "--", *words], env=person.environ, cwd=person.home, text=True, **streams
    )


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} is not there"
        time.sleep(0.02)


def test_the_command_finds_the_environment_and_its_modules(owner: Person) -> None:
    code = "import sys, tiny_own, tiny_stack; print(sys.prefix, tiny_own.VERSION, tiny_stack.VERSION)"
    done = owner.stackenv("run", "biopy", "--", "python", "-c", code)
    assert done.stdout.split() == [str(owner.home / "venvs/biopy-1.0"), "1.1", "1.0"]
    assert done.stderr == ""


@pytest.mark.parametrize("status", [0, 1, 3, 7, 255])
def test_the_exit_status_is_that_of_the_command(owner: Person, status: int) -> None:
    owner.stackenv("run", "biopy", "--", "sh", "-c", f"exit {status}", status=status)


def test_arguments_arrive_unchanged(owner: Person) -> None:
    words = ["--help", "--", "-x", "a b", "$HOME", "", "'\"`", "\n", "*", "ä"]
    code = "import json, sys; print(json.dumps(sys.argv[1:]))"
    done = owner.stackenv("run", "biopy", "python", "-c", code, *words)
    assert json.loads(done.stdout) == words


def test_the_command_replaces_the_process_of_stackenv(owner: Person, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    code = f"import pathlib, sys; pathlib.Path({str(ready)!r}).touch(); sys.stdin.read()"
    with start(owner, "python", "-c", code, stdin=subprocess.PIPE) as process:
        wait_for(ready)
        executable = str(Path(f"/proc/{process.pid}/exe").readlink())
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        process.stdin.close()
    assert Path(executable).name == f"python{MINOR}"
    assert executable.startswith(str(owner.site.software))
    assert children == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGUSR1])
def test_a_signal_reaches_the_command(owner: Person, tmp_path: Path, number: int) -> None:
    ready = tmp_path / "ready"
    with start(owner, "sh", "-c", f'touch "{ready}"; exec sleep 60') as process:
        wait_for(ready)
        # `exec` makes the process of sh the sleep.
        while Path(f"/proc/{process.pid}/exe").readlink().name not in ("sleep", "coreutils"):
            time.sleep(0.02)
        process.send_signal(number)
        assert process.wait(20) == -number


def test_the_command_ignores_the_same_signals_as_without_stackenv(owner: Person) -> None:
    done = owner.stackenv("run", "biopy", "grep", "^SigIgn", "/proc/self/status")
    plain = subprocess.run(
        ["grep", "^SigIgn", "/proc/self/status"], capture_output=True, text=True, check=True
    )
    assert done.stdout == plain.stdout


def test_stdin_reaches_the_command_unchanged(owner: Person) -> None:
    process = start(owner, "cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    text = "one\ntwo\n" * 10_000
    assert process.communicate(text)[0] == text


def test_the_callers_modules_are_purged_and_modulepath_is_kept(owner: Person) -> None:
    done = owner.stackenv("run", "biopy", "--", "python", "-c", ENVIRON, load="Extra/1")
    environ = json.loads(done.stdout)
    assert environ["LOADEDMODULES"].split(":")[-1] == "biopy/1.0"
    assert "Extra/1" not in environ["LOADEDMODULES"]
    assert "EXTRA" not in environ
    assert environ["MODULEPATH"].split(":") == [str(owner.modules), owner.site.modulepath]


@pytest.mark.parametrize("loaded", ["biopy", "another"])
def test_run_uses_its_environment_whichever_is_loaded(owner: Person, loaded: str) -> None:
    if loaded == "another":
        owner.create("another")
    changes = {"MODULEPATH": f"{owner.modules}:{owner.site.modulepath}"}
    done = owner.stackenv("run", "biopy", "python", "-c", ENVIRON, load=loaded, **changes)
    environ = json.loads(done.stdout)
    assert environ["VIRTUAL_ENV"] == str(owner.home / "venvs/biopy-1.0")
    assert environ["LOADEDMODULES"].split(":")[-1] == "biopy/1.0" and "another-1.0" not in str(environ)


def test_run_works_without_modulepath_and_the_module_function(owner: Person) -> None:
    bare = {name: owner.environ[name] for name in ("HOME", "PATH", "LMOD_CMD", "STACKENV_SITE_CONFIG")}
    done = subprocess.run(
        [COMMAND, "run", "biopy", "python", "-c", "import tiny_own, tiny_stack"],
        env=bare,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_command_gets_the_callers_variables_and_none_of_the_launcher(owner: Person) -> None:
    marks = {"code": "c", "lmod": "l", "stackenv": "s", "LMOD_REDIRECT": "yes", "LMOD_PAGER": "more"}
    done = owner.stackenv("run", "biopy", "python", "-c", ENVIRON, **marks)
    environ = json.loads(done.stdout)
    assert {name: environ.get(name) for name in marks} == marks
    assert [name for name in environ if name.startswith("stackenv_")] == []


@pytest.mark.parametrize("word", ["nosuchcommand", "./nosuchcommand", "/nosuch/command", "deactivate"])
def test_a_missing_command_is_reported_with_status_127(owner: Person, word: str) -> None:
    done = owner.stackenv("run", "biopy", "--", word, status=127)
    assert done.stderr == f"stackenv: command {word} not found in biopy/1.0\n"


def test_run_without_a_command_is_refused(owner: Person) -> None:
    for words in ((), ("--",), ("--", "")):
        assert "the command to run is missing" in owner.stackenv("run", "biopy", *words, status=2).stderr


@pytest.mark.parametrize("silence", ["", "LMOD_QUIET", "LMOD_EXPERT"])
def test_nothing_runs_if_the_module_cannot_be_loaded(owner: Person, tmp_path: Path, silence: str) -> None:
    folder = owner.home / "venvs/biopy-1.0"
    touched = tmp_path / "touched"
    changes = {silence: "1"} if silence else {}
    (folder / "pyvenv.cfg").rename(folder / "pyvenv.aside")
    try:
        done = owner.stackenv("run", "biopy", "--", "touch", str(touched), status=7, **changes)
    finally:
        (folder / "pyvenv.aside").rename(folder / "pyvenv.cfg")
    assert f"its folder, {folder}, is gone" in " ".join(done.stderr.split())
    assert "stackenv: biopy/1.0 could not be loaded" in done.stderr
    assert not touched.exists()


def test_a_module_of_the_same_name_elsewhere_is_not_loaded(owner: Person, tmp_path: Path) -> None:
    (tmp_path / "biopy").mkdir()
    (tmp_path / "biopy/1.0.lua").write_text('setenv("WHO", "somebody else")\n')
    path = f"{tmp_path}:{owner.modules}:{owner.site.modulepath}"
    done = owner.stackenv("run", "biopy", "python", "-c", ENVIRON, MODULEPATH=path)
    environ = json.loads(done.stdout)
    assert "WHO" not in environ
    assert environ["_LMFILES_"].split(":")[-1] == str(owner.modules / "biopy/1.0.lua")


def test_an_unknown_name_is_refused(owner: Person) -> None:
    assert "there is no module nosuch" in owner.stackenv("run", "nosuch", "true", status=1).stderr
