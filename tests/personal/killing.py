"""Kill or stop commands, with all processes that they have started, when they begin a certain step."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import time

from users import STACKENV, User


def kill_at(user: User, sentence: str, arguments: tuple[str, ...], after_s: float = 0.0) -> str:
    """Run `stackenv ARGUMENTS` and kill it, as a batch system does, when it prints `sentence`.

    The command may have finished before the signal arrives. Returns its output.
    """
    _, words = signal_at(user, sentence, arguments, signal.SIGKILL, after_s)
    return words


def kill_exactly_at(user: User, sentence: str, arguments: tuple[str, ...]) -> None:
    """Have the kernel kill `stackenv ARGUMENTS` at its next write after `sentence`, however fast it is.

    A first run, whose changes are reverted, shows which of its writes that is. No program started by the
    command may be running at that time.
    """
    trace, kept = user.home.parent / "writes", user.home.parent / "before"
    command = f"strace -qq -s 999 -o {trace} -e trace=write"
    typed = f"{STACKENV} {shlex.join(arguments)}"
    shutil.copytree(user.home, kept, symlinks=True)
    whole = user.run(f"{command} {typed}")
    assert whole.returncode == 0, whole.stderr
    shutil.rmtree(user.home)
    kept.rename(user.home)
    # The trace has lines for signals, too.
    writes = [line for line in trace.read_text().splitlines() if line.startswith("write(")]
    (number,) = (i for i, line in enumerate(writes, 1) if sentence in line and line.startswith("write(2,"))
    killed = user.run(f"{command} -e inject=write:signal=KILL:when={number + 1} {typed}")
    assert killed.returncode in (-9, 137), killed.stderr
    assert sentence in killed.stderr.splitlines()[-1], killed.stderr


def stop_at(user: User, sentence: str, arguments: tuple[str, ...]) -> tuple[int, str]:
    """Run `stackenv ARGUMENTS` and type Control-C when it prints `sentence`; return its status and output."""
    return signal_at(user, sentence, arguments, signal.SIGINT, 0.0)


def signal_at(
    user: User, sentence: str, arguments: tuple[str, ...], number: signal.Signals, after_s: float
) -> tuple[int, str]:
    """Send the signal `number` to the command and all that it has started; return its status and output."""
    with subprocess.Popen(
        [STACKENV, *arguments],
        env=user.environ,
        cwd=user.home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        words, sent = "", False
        for line in process.stderr:
            words += line
            if sentence in line and not sent:
                sent = True
                time.sleep(after_s)
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
    assert sent, words
    return process.returncode, words
