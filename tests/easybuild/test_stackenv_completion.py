"""TAB completion in real interactive shells on a terminal, after the module of stackenv is loaded."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator

import pytest
from in_ci import fail_or_skip
from runner import CHECKOUT, LMOD
from stackenv_sources import find_bash_completion
from terminals import COMPINIT, SHELLS, Terminal
from test_stackenv_module import MODULE, environ, tree

sys.path.insert(0, str(CHECKOUT / "tests/shells"))

from dialects import DIALECTS, spare_manual_pages

__all__ = ["environ", "tree"]
# What a load and an unload may not change.
STATE = {
    "bash": "declare -F; compgen -v; complete -p",
    "zsh": "print -l ${(ok)functions} ${(ok)parameters} $fpath ${(kv)_comps}",
    "fish": "functions -a -n; set -n; complete",
}


@pytest.fixture
def start(environ, tmp_path) -> Iterator:
    """A function that starts a shell with `module` on a terminal, and runs `lines` in it."""
    terminals = []
    spare_manual_pages(environ)

    def begin(shell: str, *lines: str) -> Terminal:
        if not shutil.which(shell) or not shutil.which("setsid"):
            fail_or_skip(f"no {shell}")
        terminals.append(Terminal(SHELLS[shell], environ, tmp_path))
        for line in (DIALECTS[shell].start(LMOD), *lines):
            terminals[-1].type(line)
        return terminals[-1]

    yield begin
    for terminal in terminals:
        terminal.close()


def completes(terminal: Terminal) -> bool:
    """Return whether TAB completes `si` to `site`."""
    seen = terminal.type("stackenv si\t--help")
    assert "No such command 'si'" in seen or "Usage: stackenv site" in seen, seen
    return "Usage: stackenv site" in seen


def bash_completion() -> str:
    script = find_bash_completion()
    if not script:
        fail_or_skip("no bash-completion")
    return f". '{script}'"


PLACES = {
    "bash": ("bash", ()),
    "bash -u": ("bash", ("set -u",)),
    "bash-completion": ("bash", (bash_completion,)),
    "zsh": ("zsh", (COMPINIT,)),
    "fish": ("fish", ()),
}


@pytest.mark.each_value("tree", "place")
@pytest.mark.parametrize("place", list(PLACES))
def test_tab_completes_while_the_module_is_loaded_and_unload_leaves_nothing(start, tmp_path, place) -> None:
    shell, lines = PLACES[place]
    terminal = start(shell, *(line() if callable(line) else line for line in lines))

    def look(name: str) -> set[str]:
        terminal.type(
            f"begin; {STATE[shell]}; end > {name}" if shell == "fish" else f"{{ {STATE[shell]}; }} > {name}"
        )
        return set((tmp_path / name).read_text(errors="replace").splitlines())

    # The shell keeps something of any first TAB, and Lmod of its first load: both come before the comparison.
    terminal.type("true /etc/host\t")
    terminal.type(f"module load {MODULE}; module unload stackenv")
    before = look("before")
    assert not [line for line in before if "stackenv" in line.lower()]
    terminal.type(f"module load {MODULE}; module load {MODULE}; module refresh")
    loaded = look("loaded")
    assert [line for line in loaded if "_stackenv_completion" in line]
    assert [completes(terminal) for _ in range(3)] == [True] * 3
    terminal.type("module unload stackenv")
    assert look("after") ^ before == set()


@pytest.mark.any_value("tree")
def test_compinit_after_the_load_finds_the_completion(start) -> None:
    terminal = start("zsh", f"module load {MODULE}", COMPINIT)
    assert [completes(terminal) for _ in range(3)] == [True] * 3
    terminal.type("module unload stackenv")
    assert "left:." in terminal.type("print -r left:${(M)fpath:#*stackenv*}${_comps[stackenv]-}.")


@pytest.mark.each_value("tree", "shell")
@pytest.mark.parametrize("shell", list(SHELLS))
def test_module_refresh_adds_completion_in_a_shell_that_inherits_the_module(start, shell) -> None:
    terminal = start("bash", f"module load {MODULE}", " ".join(("exec", *SHELLS[shell])))
    for line in (DIALECTS[shell].start(LMOD), *([COMPINIT] if shell == "zsh" else [])):
        terminal.type(line)
    terminal.type("module refresh")
    assert completes(terminal)
