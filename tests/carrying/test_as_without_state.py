"""A Python that carries its stack keeps the state of the process that its caller has prepared."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest
from needy_stack import KINDS
from observing import Bare
from terminals import Terminal

START = 'exec "$python" observe.py read'
# Raises a signal immediately before the restart, when no code of Python runs any more.
INTERRUPT = """\
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

int execve(const char *path, char *const words[], char *const environ[])
{
    int (*next)(const char *, char *const[], char *const[]) = dlsym(RTLD_NEXT, "execve");
    for (int i = 0; environ[i]; i++)
        if (!strncmp(environ[i], "STACKENV_RESTARTED=", 19))
            raise(atoi(getenv("ARRIVES")));
    return next(path, words, environ);
}
"""
# What the caller does before the start.
BEFOREHAND = {
    "mode and group": "umask 027; set -m",
    "limits": "ulimit -S -n 200; ulimit -S -c 0; ulimit -S -u 60000; ulimit -S -s 4096",
    "nice": "exec nice -n 5 bash --norc -c '" + START + "'",
    "scheduling": "exec chrt --batch 0 taskset --cpu-list 0 bash --norc -c '" + START + "'",
    "out of memory": "echo 500 >/proc/self/oom_score_adj",
    "no new privileges": "exec setpriv --no-new-privs bash --norc -c '" + START + "'",
    "session": "exec setsid --wait bash --norc -c '" + START + "'",
    "group": "set -m; bash --norc -c '" + START + "'; exit",
    "signals ignored": "trap '' PIPE INT HUP QUIT USR1 XFSZ",
    "interrupt ignored": "trap '' INT",
    "in the background": "set +m; { " + START + "; } & wait $!; exit",
    "signals blocked": "exec env --block-signal=USR1,INT,TERM bash --norc -c '" + START + "'",
    "signals pending": 'exec python3 -c "$PENDING" "$python" observe.py read',
    "descriptors": "exec 7<observe.py 9>>added 11<folder 12<>plain",
    "substitution": 'exec "$python" observe.py <(echo one) >(cat) < <(echo two)',
    "no input": "exec <&-",
    "no output": "exec >&-",
    "no error": "exec 2>&-",
    "nothing open": "exec <&- >&- 2>&-",
    "input of a file": "exec <observe.py; head -c 20 >/dev/null",
    "output full": "exec >/dev/full",
    "error full": "exec 2>/dev/full",
    "null": "exec </dev/null >/dev/null 2>/dev/null",
    "nobody reads": "exec > >(:); wait $!",
}
PENDING = """\
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGUSR2])
os.kill(os.getpid(), signal.SIGUSR2)
signal.setitimer(signal.ITIMER_REAL, 300, 200)
os.execv(sys.argv[1], sys.argv[1:])
"""
VARIABLES = {
    "locale": {"LC_ALL": "C", "LANG": ""},
    "locale by LANG": {"LANG": "C"},
    "locale by LC_CTYPE": {"LANG": "", "LC_CTYPE": "C"},
    "POSIX": {"LC_ALL": "POSIX"},
    "no locale": {"LANG": ""},
    "no such locale": {"LC_ALL": "xx_XX.UTF-8"},
    "no coercion": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "hash": {"PYTHONHASHSEED": "5"},
    "random": {
        "PYTHONHASHSEED": "random",
        "PYTHONOPTIMIZE": "2",
        "PYTHONUNBUFFERED": "1",
        "PYTHONFAULTHANDLER": "1",
    },
    "encodings": {
        "PYTHONIOENCODING": "latin-1:replace",
        "PYTHONDEVMODE": "1",
        "PYTHONWARNINGS": "ignore,error",
    },
    "own search": {"PYTHONPATH": "own::folder", "PYTHONNOUSERSITE": "1", "PYTHONDONTWRITEBYTECODE": "x"},
    "empty": {"EMPTY": "", "LD_LIBRARY_PATH": "", "LD_PRELOAD": ""},
    "no UTF-8": {"ODD": "\udcff\udcfe", "LD_LIBRARY_PATH": "/not/\udcff:/there", "LINES\n": "a\nb", "é": "é"},
    "library path": {"LD_LIBRARY_PATH": ":/lib::/usr/lib:"},
    "no UTF-8 in the C locale": {
        "LC_ALL": "C",
        "LD_LIBRARY_PATH": "/a/\udcff\udcc3\udca9",
        "ODD": "\udce9=\udce9",
    },
    "audit": {"LD_BIND_NOW": "1", "MALLOC_ARENA_MAX": "1", "GLIBC_TUNABLES": "glibc.malloc.check=0"},
}


@pytest.mark.parametrize("beforehand", BEFOREHAND)
def test_the_callers_process_state_is_kept(bare: Bare, beforehand: str) -> None:
    bare.compare(f"{BEFOREHAND[beforehand]}; {START}", environ={"PENDING": PENDING})


@pytest.mark.parametrize("variables", VARIABLES)
def test_the_callers_variables_are_kept(bare: Bare, variables: str) -> None:
    bare.compare(START, environ=VARIABLES[variables])


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a library for LD_PRELOAD; it raises the signal $ARRIVES, if it is not 0, before a restart."""
    folder = tmp_path_factory.mktemp("library")
    (folder / "library.c").write_text(INTERRUPT)
    command = ["gcc", "-shared", "-fPIC", "-o", folder / "library.so", folder / "library.c", "-ldl"]
    subprocess.run(command, check=True)
    return folder / "library.so"


def test_the_callers_preloaded_libraries_are_kept(bare: Bare, library: Path) -> None:
    bare.compare(START, environ={"LD_PRELOAD": f"{library}", "ARRIVES": "0"})
    bare.compare(
        START, environ={"LD_PRELOAD": f"{library} {library}:", "LD_LIBRARY_PATH": "/a", "ARRIVES": "0"}
    )


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGPIPE]
)
def test_a_signal_during_the_restart_is_not_lost(bare: Bare, library: Path, number: int) -> None:
    environ = {"LD_PRELOAD": str(library), "ARRIVES": str(int(number))}
    # The signal may be ignored where the tests were started, for example by nohup.
    heard = f"exec env --default-signal={number} bash --norc -c '{START}'"
    found = bare.observe(heard, "needy", carries=True, environ=environ)
    if number == signal.SIGPIPE:
        # Python itself ignores it from its start.
        assert (found.status, found.report["needle"]) == (0, 10), found.stderr
        return
    assert (found.status, found.report) == (-number, {}), found.stderr
    # A process that ignores or blocks the signal does not end.
    ignored = bare.observe(f"trap '' {number}; {START}", "needy", carries=True, environ=environ)
    assert (ignored.status, ignored.report["needle"]) == (0, 10), ignored.stderr
    blocked = f"exec env --block-signal={number} bash --norc -c '{START}'"
    found = bare.observe(blocked, "needy", carries=True, environ=environ)
    assert (found.status, found.report["needle"], found.report["pending"]) == (0, 10, [number]), found.stderr


def test_inherited_descriptors_stay_open(bare: Bare) -> None:
    for kind in KINDS:
        reads, writes = os.pipe()
        script = f"import os; os.write({writes}, os.environb.get(b'PMI_FD', b'none')); import needle"
        environ = {"PMI_FD": str(writes)}
        found = bare.observe(
            f'exec "$python" -c "{script}"', kind, carries=True, environ=environ, pass_fds=[writes]
        )
        os.close(writes)
        with os.fdopen(reads, "rb") as stream:
            assert stream.read() == str(writes).encode(), found.stderr
        assert (found.status, found.stderr) == (0, b"")


@pytest.mark.parametrize(
    "code, status",
    [
        ("raise SystemExit(7)", 7),
        ("raise SystemExit('why')", 1),
        ("import os; os._exit(200)", 200),
        ("raise KeyboardInterrupt", -signal.SIGINT),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGINT); import time; time.sleep(60)",
            -signal.SIGINT,
        ),
        ("import os; os.abort()", -signal.SIGABRT),
        ("print('x' * 100000); 1 / 0", 1),
    ],
)
def test_the_exit_status_is_the_same_as_without_the_stack(bare: Bare, code: str, status: int) -> None:
    script = f"ulimit -c 0; exec \"$python\" -c 'import needle; {code}'"
    plain = script.replace("import needle; ", "")
    for kind in KINDS:
        found = bare.observe(script, kind, carries=True)
        without = bare.observe(plain, kind, carries=False)
        assert found.status == without.status == status, found.stderr
        assert found.stdout == without.stdout
        assert found.stderr.replace(b"import needle; ", b"") == without.stderr


def wait_for(terminal: Terminal, text: str) -> None:
    """Wait until the terminal has shown `text`."""
    seen = b""
    while text.encode() not in seen:
        assert select.select([terminal.leader], [], [], 60)[0], seen.decode()
        seen += os.read(terminal.leader, 65536)


def type_when(terminal: Terminal, asked: str, keys: str) -> str:
    """Type `keys` when the terminal has shown `asked`; earlier keys could be read by another process."""
    wait_for(terminal, asked)
    return terminal.type(keys)


@pytest.mark.parametrize("kind", KINDS)
def test_prompts_input_and_job_control_work_at_a_terminal(bare: Bare, kind: str) -> None:
    carrier = bare.carriers[kind]
    environ = {**carrier.environ, "PS1": "", "TERM": "dumb", "python": carrier.python}
    terminal = Terminal(("bash", "--norc", "--noprofile", "-i"), environ, carrier.home)

    def start(line: str) -> None:
        os.write(terminal.leader, f"{line}\n".encode())

    try:
        terminal.type("stty -echo")
        start("$python -q")
        found = type_when(
            terminal,
            ">>> ",
            "import needle, os\n"
            "print('found', needle.find(), os.isatty(0), os.tcgetpgrp(0) == os.getpid())\n"
            "exit(3)\necho status $?",
        )
        assert "found 10 True True" in found and "status 3" in found, found
        start("$python -ic 'import needle; kept = needle.find()'")
        found = type_when(terminal, ">>> ", "print('kept', kept)\nexit()")
        assert "kept 10" in found, found
        start("""$python -c 'print(input("name? "), __import__("needle").find())'""")
        found = type_when(terminal, "name? ", "me")
        assert "me 10" in found, found
        # Job control: stop the program, continue it, and interrupt it.
        start('$python -c \'import needle, time; print("sle" + "eps"); time.sleep(60)\'')
        found = type_when(terminal, "sleeps", "\x1ajobs")
        assert "Stopped" in found, found
        shell = os.tcgetpgrp(terminal.leader)
        start("fg")
        wait_for(terminal, "sleep(60)")
        # bash shows the line before it hands over the terminal; until then the key would go to bash.
        until = time.monotonic() + 60
        while os.tcgetpgrp(terminal.leader) == shell:
            assert time.monotonic() < until
            time.sleep(0.01)
        os.write(terminal.leader, b"\x03")
        found = type_when(terminal, "KeyboardInterrupt", "echo status $?")
        assert "status 130" in found, found
    finally:
        terminal.close()
