"""An activate script on top of a personal module, at the prompt: its deactivate restores the module.

In scripts of sh or csh no code of ours runs after that deactivate: there the module is left, as usual, by
`module unload`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from at_prompts import SHELLS, type_at_prompts
from built import LMOD
from session import Snapshot, read_snapshot
from shell_sessions import DIALECTS, differences
from stacked import Stack
from users import User, make_user


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory, one_stack: Stack) -> User:
    """Return a user with the module `alpha`, and a venv without a module."""
    user = make_user(tmp_path_factory.mktemp("prompts"), one_stack)
    made = user.stackenv("create", "alpha", "-m", one_stack.bundle_module)
    assert made.returncode == 0, made.stderr
    done = user.run(f"module load {one_stack.python_module} && python -m venv --without-pip ~/inner")
    assert done.returncode == 0, done.stderr
    return user


class Typing:
    """Lines to type into one shell, with snapshots in between."""

    def __init__(self, shell: str, owner: User, folder: Path) -> None:
        self.dialect, self.owner, self.folder = DIALECTS[shell], owner, folder
        self.lines = [self.dialect.start(LMOD)]
        suffix = ".csh" if self.dialect.family == "csh" else ""
        word = "source" if suffix else "."
        self.activate = f"{word} {owner.home}/inner/bin/activate{suffix}"

    def type(self, *lines: str) -> Typing:
        self.lines += lines
        return self

    def look(self, name: str) -> Typing:
        (self.folder / name).mkdir()
        return self.type("; ".join(self.dialect.snapshot(str(self.folder / name)).splitlines()))

    def finish(self) -> dict[str, Snapshot]:
        modulepath = f"{self.owner.modules}:{self.owner.stack.modulepath}"
        environ = {**self.owner.environ, "MODULEPATH": modulepath, "TERM": "dumb"}
        self.said = type_at_prompts(self.dialect.name, self.lines, environ, self.folder)
        return {p.name: read_snapshot(p) for p in self.folder.iterdir() if (p / "variables").exists()}


@pytest.fixture(params=SHELLS)
def typing(request: pytest.FixtureRequest, owner: User, tmp_path: Path) -> Typing:
    return Typing(request.param, owner, tmp_path)


def test_the_module_is_restored_when_an_activated_venv_is_deactivated(typing: Typing, owner: User) -> None:
    enter = typing.activate
    # Once without the module: what the script itself leaves behind does not count.
    typing.type(enter, "deactivate").look("before").type("module load alpha").look("loaded")
    typing.type(enter, "deactivate").look("back")
    # csh replaces the aliases of a whole line before it runs the first command.
    typing.type(*((enter, "deactivate") if typing.dialect.family == "csh" else (f"{enter}; deactivate",)))
    seen = typing.look("again").type("deactivate").look("after").finish()
    assert seen["loaded"].environment["VIRTUAL_ENV"] == f"{owner.home}/venvs/alpha-1.0"
    assert differences(seen["loaded"], seen["back"]) == {}, typing.said
    assert differences(seen["loaded"], seen["again"]) == {}, typing.said
    assert differences(seen["before"], seen["after"]) == {}, typing.said


def test_a_variable_unset_by_the_user_is_not_restored(typing: Typing) -> None:
    unset = typing.dialect.unset("VIRTUAL_ENV")
    seen = typing.type("module load alpha", unset).look("unset").finish()
    assert "VIRTUAL_ENV" not in seen["unset"].environment


BOTH = "first\r\nlast\r\n"
HOOKS = {
    "bash": ("PROMPT_COMMAND='echo first'", 'PROMPT_COMMAND="$PROMPT_COMMAND; echo last"', BOTH),
    "zsh": ("precmd() { echo first; }", "later() { echo last; }; precmd_functions+=(later)", BOTH),
    "tcsh": ("alias precmd echo first", "echo no other", "first\r\n"),
}


def test_the_users_prompt_hooks_keep_running_while_loaded_and_after(typing: Typing) -> None:
    first, last, said = HOOKS[typing.dialect.name]
    typing.type(first, "module load alpha", last, "echo while", "module unload alpha", "echo after").finish()
    for word in ("while", "after"):
        assert f"\n{word}\r\n{said}ready>" in typing.said, typing.said
    assert "not found" not in typing.said and "_stackenv" not in typing.said.lower()


@pytest.mark.parametrize("typing", ["bash"], indirect=True)
def test_a_child_shell_that_inherits_prompt_command_prints_no_error(typing: Typing) -> None:
    typing.type("export PROMPT_COMMAND PS1", "module load alpha", "bash --norc --noprofile --noediting -i")
    typing.type("echo child $VIRTUAL_ENV_PROMPT", "exit", "echo parent").finish()
    assert "child (alpha)" in typing.said and "not found" not in typing.said, typing.said


OURS = "! typeset -f _stackenv_prompt >/dev/null || _stackenv_prompt"
UNSET = "bash: declare: PROMPT_COMMAND: not found"
# The variable before the load, what the user does while the module is loaded, and the variable after the
# unload. bash 5.1 and later run each element.
PROMPT_COMMANDS = (
    ("", "", UNSET),
    ("", "PROMPT_COMMAND+=(h)", 'declare -a PROMPT_COMMAND=([0]="h")'),
    ("", 'PROMPT_COMMAND=(h "${PROMPT_COMMAND[@]}")', 'declare -a PROMPT_COMMAND=([0]="h")'),
    ("", 'PROMPT_COMMAND="h${PROMPT_COMMAND:+;$PROMPT_COMMAND}"', 'declare -- PROMPT_COMMAND="h"'),
    ("", 'PROMPT_COMMAND="$PROMPT_COMMAND;h"', 'declare -- PROMPT_COMMAND="h"'),
    ("", 'PROMPT_COMMAND="h; $PROMPT_COMMAND; h"', 'declare -- PROMPT_COMMAND="h; h"'),
    ("", 'PROMPT_COMMAND="h && $PROMPT_COMMAND"', 'declare -- PROMPT_COMMAND="h && :"'),
    ("export PROMPT_COMMAND=", "", 'declare -x PROMPT_COMMAND=""'),
    ("export PROMPT_COMMAND=", 'PROMPT_COMMAND+="; h"', 'declare -x PROMPT_COMMAND="h"'),
    ("PROMPT_COMMAND='h;'", "", 'declare -- PROMPT_COMMAND="h;"'),
    ("PROMPT_COMMAND=(h)", "PROMPT_COMMAND+=(:)", 'declare -a PROMPT_COMMAND=([0]="h" [1]=":")'),
)


@pytest.mark.parametrize("typing", ["bash"], indirect=True)
def test_unload_removes_our_part_of_prompt_command_and_keeps_the_users(typing: Typing) -> None:
    typing.type("h() { :; }")
    for before, meanwhile, _ in PROMPT_COMMANDS:
        typing.type("unset PROMPT_COMMAND", before, "module load alpha", "echo $PROMPT_COMMAND", meanwhile)
        typing.type("module unload alpha", "declare -p PROMPT_COMMAND")
    typing.finish()
    said = typing.said.split("declare -p PROMPT_COMMAND\r\n")
    assert all(OURS in part for part in said[:-1]), typing.said
    assert [part.partition("\r\n")[0] for part in said[1:]] == [after for _, _, after in PROMPT_COMMANDS]


# A site that audits its shells may make the variable readonly, before the load or after it.
@pytest.mark.parametrize("typing", ["bash"], indirect=True)
@pytest.mark.parametrize(
    "before, meanwhile, after",
    [
        ("set -u", "", UNSET),
        ("PROMPT_COMMAND=:; readonly PROMPT_COMMAND", "", 'declare -r PROMPT_COMMAND=":"'),
        ("readonly PROMPT_COMMAND", "", "declare -r PROMPT_COMMAND"),
        ("", "readonly PROMPT_COMMAND", f'declare -r PROMPT_COMMAND="{OURS}"'),
    ],
)
def test_nounset_and_a_readonly_prompt_command_cause_no_errors(
    typing: Typing, before: str, meanwhile: str, after: str
) -> None:
    typing.type(before, "module load alpha", 'echo "[${PROMPT_COMMAND-}]"', meanwhile, "module unload alpha")
    typing.type("declare -p PROMPT_COMMAND").finish()
    assert (f"\n[{OURS}]\r\n" in typing.said) == (meanwhile != "" or after == UNSET), typing.said
    said, _, last = typing.said.partition("declare -p PROMPT_COMMAND\r\n")
    assert "unbound" not in said and "readonly variable" not in said, said
    assert last.partition("\r\n")[0] == after


# How the user changes our precmd in tcsh, and what is left after the unload: all of it (None) where the two
# parts cannot be separated.
PRECMDS = (
    ('"`alias precmd`; h 1"', "h 1"),
    ('"h 1 ; `alias precmd`"', "h 1"),
    ('"h 1; `alias precmd`; h 2"', "h 1; h 2"),
    ('"`alias precmd` && h 1; h 2"', None),
)


@pytest.mark.parametrize("typing", ["tcsh"], indirect=True)
@pytest.mark.parametrize("gone", ["", "gone"])
def test_unload_keeps_the_users_changes_to_the_precmd_of_tcsh(typing: Typing, gone: str) -> None:
    """With the file that the unload reads, and without it, when the folder was removed meanwhile."""
    folder = f"{typing.owner.home}/venvs/alpha-1.0/stackenv"
    typing.type("alias h 'echo hook \\!:1'")
    for made, _ in PRECMDS:
        typing.type(
            "module load alpha", f"alias precmd {made}", *([f"mv {folder} {folder}.away"] * bool(gone))
        )
        typing.type("module unload alpha", *([f"mv {folder}.away {folder}"] * bool(gone)))
        typing.type("alias precmd", "unalias precmd")
    typing.type("module load alpha").look("loaded").type("module unload alpha").look("unloaded").finish()
    assert "Undefined" not in typing.said and "No such" not in typing.said, typing.said
    found = [part.partition("\r\n")[0] for part in typing.said.split("ready> alias precmd\r\n")[1:]]
    for (made, left), now in zip(PRECMDS, found):
        assert now == left if left and not gone else "_STACKENV_LOAD" in now and "h 1" in now, (made, now)
    assert len(found) == len(PRECMDS), typing.said
