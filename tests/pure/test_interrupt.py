"""Ctrl-C while the command starts ends it silently, whatever is being imported."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest

from stackenv.cli.completions_and_man import LAUNCHER

CHECKOUT = Path(__file__).resolve().parents[2]
# Records the imports, and sends its own process SIGINT, as Ctrl-C does, during one of them.
INTERRUPTING = """\
import os
import signal
import sys


class Finder:
    def find_spec(self, name, path=None, target=None):
        if "IMPORTS" in os.environ:
            with open(os.environ["IMPORTS"], "a") as file:
                file.write(f"{name}\\n")
        if name == os.environ.get("INTERRUPTED_AT"):
            os.kill(os.getpid(), signal.SIGINT)


sys.meta_path.insert(0, Finder())
"""
WORDS = {
    "version": (["--version"], {}),
    "list": (["list", "--json"], {}),
    "TAB": ([], {"_STACKENV_COMPLETE": "stackenv cr"}),
}


@pytest.fixture(scope="module", params=["bin/stackenv", "the module's"])
def command(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the words that start the command in an interpreter that can be interrupted at an import."""
    place = tmp_path_factory.mktemp("interrupted") / "venv"
    venv.create(place, with_pip=False, symlinks=True)
    paths = {"base": str(place), "platbase": str(place)}
    packages = Path(sysconfig.get_path("purelib", "posix_prefix", vars=paths))
    (packages / "interrupting.py").write_text(INTERRUPTING)
    reach = ("import interrupting", str(CHECKOUT / "src"), sysconfig.get_path("purelib"))
    (packages / "reach.pth").write_text("".join(f"{line}\n" for line in reach))
    launcher = place / "bin/stackenv"
    launcher.write_text(
        (CHECKOUT / "bin/stackenv").read_text() if request.param == "bin/stackenv" else LAUNCHER
    )
    return [
        str(place / "bin/python"),
        *([] if request.param == "bin/stackenv" else ["-I", "-S"]),
        str(launcher),
    ]


def start(
    command: list[str], words: str, home: Path, interrupt: object = signal.SIG_DFL, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run the command with the arguments WORDS[words]; `interrupt` is its handler of SIGINT."""
    arguments, environ = WORDS[words]
    return subprocess.run(
        [*command, *arguments],
        env={
            **{"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(home)},
            # Without a cache, each run imports the same modules as the first.
            **{"XDG_CACHE_HOME": os.devnull, **environ, **more},
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, interrupt),
    )


def list_imports(command: list[str], words: str, home: Path) -> list[str]:
    """Return the modules imported from the launcher on, each once, in order."""
    names = home / "imports"
    assert start(command, words, home, IMPORTS=str(names)).returncode == 0
    behind = names.read_text().split()
    return list(dict.fromkeys(behind[behind.index("stackenv") :]))


@pytest.mark.parametrize("words", WORDS)
def test_an_interrupt_during_an_import_ends_the_command_silently(
    command: list[str], words: str, tmp_path: Path
) -> None:
    imports = list_imports(command, words, tmp_path)
    assert len(imports) > (3 if words == "version" else 20)
    for name in (*imports[:: -(-len(imports) // 4)], imports[-1]):
        done = start(command, words, tmp_path, INTERRUPTED_AT=name)
        # Ended by the signal, or with the exit status that a shell reports for it.
        assert done.returncode in (-signal.SIGINT, 128 + signal.SIGINT), name
        assert (done.stdout, done.stderr.strip()) == ("", ""), name


def test_an_ignored_sigint_does_not_stop_the_command(command: list[str], tmp_path: Path) -> None:
    done = start(command, "list", tmp_path, signal.SIG_IGN, INTERRUPTED_AT="stackenv.cli.main")
    assert (done.returncode, json.loads(done.stdout)["result"]) == (0, [])
