"""The modules that a shell's start file loads in any case, whatever its conditions, in each dialect."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackenv.account.start_files import Shell, StartFile
from stackenv.account.start_modules import list_loads, list_used_folders

UNCONDITIONAL: list[tuple[Shell, str, list[str]]] = [
    ("sh", "module load GONE", ["GONE"]),
    ("sh", "  module -q add A/1.0 'GONE'  # mine", ["A/1.0", "GONE"]),
    ("sh", "ml A -B GONE", ["A", "GONE"]),
    ("sh", "ml load GONE", ["GONE"]),
    ("sh", "if [ -d /x ]; then\n  A=1\nfi\nmodule load GONE", ["GONE"]),
    ("sh", "if true; then x; fi; module load GONE", ["GONE"]),
    ("sh", "case $- in *i*) ;; *) return;; esac\nml GONE", ["GONE"]),
    ("sh", '[ -z "$PS1" ] && return\nml GONE', ["GONE"]),
    ("sh", "for x in a b\ndo\n  while y; do z; done\ndone\nml GONE && echo done", ["GONE"]),
    ("sh", "f() {\n  :\n}\nalias a='ml X'\necho \"it's\"\ncat <<EOF\nif\nEOF\nml GONE", ["GONE"]),
    ("sh", "module load A; module load GONE", ["A", "GONE"]),
    ("sh", "module load $X GONE", ["GONE"]),
    ("zsh", "[[ -n $x ]] || y\nmodule load GONE", ["GONE"]),
    ("csh", "if ($?prompt) then\n  x\nelse if (y) then\n  z\nendif\nmodule load GONE", ["GONE"]),
    ("csh", "foreach x (a b)\n y\nend\nswitch($x)\ncase a:\n breaksw\nendsw\nml GONE", ["GONE"]),
    ("fish", "if test -d /x; y; end\nif x\n  y\nend\nmodule load GONE", ["GONE"]),
    ("xonsh", "if x:\n    y\nmodule load GONE", ["GONE"]),
]
CONDITIONAL: list[tuple[Shell, str]] = [
    ("sh", "module try-load GONE\nmodule unload GONE\nmodule swap A GONE\nmodule is-avail GONE"),
    ("sh", "ml\nml av GONE\nml -GONE\nml purge\nml use /x\nml spider GONE\nml restore GONE"),
    ("sh", "if [ -d /x ]; then\n  module load GONE\nelse\n  module load GONE\nfi"),
    ("sh", "if module load GONE; then x; fi"),
    ("sh", "if true; then module load GONE; fi"),
    ("sh", "[ -d /x ] && module load GONE\n[ -d /x ] || module load GONE\nx &&\nmodule load GONE"),
    ("sh", "module load GONE || true\nmodule load GONE 2>/dev/null\nmodule load GONE | cat"),
    ("sh", "case $HOSTNAME in\n  node*) module load GONE;;\n  *) module load GONE\nesac"),
    ("sh", "for x in $y; do module load GONE; done\nwhile x; do\n  module load GONE\ndone"),
    ("sh", "module load $MINE GONE/$VERSION ${X} `y` A*\nmodule load $(cat ~/mine)"),
    ("sh", "f() {\n  module load GONE\n}\ng() { module load GONE; }\nalias m='module load GONE'"),
    ("sh", "x='a\nmodule load GONE\n'\ncat <<EOF\nmodule load GONE\nEOF\n# module load GONE"),
    ("sh", "{\n  module load GONE\n} 2>/dev/null\n(\nmodule load GONE\n)\necho module load GONE"),
    ("sh", "return\nmodule load GONE"),
    ("sh", "fi\nmodule load GONE"),
    *(
        ("sh", f"{line}\nmodule load GONE")
        for line in (
            "exec zsh",
            'exec "$SHELL" -l; module load GONE',
            "exec -l /bin/zsh 2>/dev/null",
            "[ -x /bin/zsh ] && exec /bin/zsh -l",
            "if [ -x /bin/zsh ]; then\n  exec zsh\nfi",
            "case $TERM in xterm*) exec fish;; esac",
        )
    ),
    ("csh", "if (-x /bin/zsh) exec zsh\nmodule load GONE"),
    ("fish", "status is-interactive; and exec zsh\nmodule load GONE"),
    ("zsh", "[[ -o interactive ]] && { module load GONE }"),
    ("csh", "if ($?prompt) module load GONE\nif ($?x) then\n  module load GONE\nendif"),
    ("csh", "switch ($HOST)\ncase node*:\n  module load GONE\n  breaksw\nendsw\nexit 0\nmodule load GONE"),
    ("fish", "status is-interactive; and module load GONE\nif x\n  module load GONE\nend"),
    ("fish", "function f\n  module load GONE\nend\nbegin\n  module load GONE\nend"),
    ("xonsh", "if x:\n    module load GONE\ndef f():\n    module load GONE"),
]


def make_file(shell: Shell, text: str) -> StartFile:
    return StartFile(Path("/home/x/.rc"), shell, f"{text}\n".encode())


@pytest.mark.parametrize(("shell", "text", "names"), UNCONDITIONAL)
def test_unconditional_loads_are_found_in_each_shell(shell: Shell, text: str, names: list[str]) -> None:
    loads = list(list_loads(make_file(shell, text)))
    assert [name for load in loads for name in load.names] == names
    assert loads[-1].line == text.count("\n") + 1


@pytest.mark.parametrize(("shell", "text"), CONDITIONAL)
def test_conditional_loads_are_left_out(shell: Shell, text: str) -> None:
    assert [name for load in list_loads(make_file(shell, text)) for name in load.names] == []


@pytest.mark.parametrize(
    ("shell", "text", "interactive"),
    [
        ("sh", "case $- in *i*) ;; *) return;; esac", True),
        ("sh", "case $- in\n  *i*) ;;\n    *) return 0;;\nesac", True),
        ("sh", "[[ $- == *i* ]] || return", True),
        ("sh", '[ -z "$PS1" ] &&\n  return', True),
        ("sh", "if [ -z $PS1 ]; then\n  return\nfi", True),
        ("sh", "if [ -z $PS1 ]; then exit 0; fi; x", True),
        ("csh", "if (! $?prompt) exit 0", True),
        ("csh", "if ($?prompt == 0) then\n  exit\nendif", True),
        ("fish", "status is-interactive; or return", True),
        ("sh", "f() {\n  return 1\n}\ng() { return; }\necho return\nx=exit; return_value=1", False),
        ("sh", "exec 2>>~/log\nexec 3>&1 >/dev/null\nexec > >(tee log)\nexec &>log\nexec {fd}<x", False),
        ("sh", "alias z='exec zsh'\ntrap 'exit 1' INT\necho exec zsh\n(exec true)", False),
    ],
)
def test_loads_after_a_return_of_batch_shells_count_as_interactive(
    shell: Shell, text: str, interactive: bool
) -> None:
    loads = list(list_loads(make_file(shell, f"module load A\n{text}\nmodule load GONE")))
    assert [(load.names, load.interactive) for load in loads] == [(["A"], False), (["GONE"], interactive)]


@pytest.mark.parametrize(
    ("text", "folders"),
    [
        ("module use ~/modules $HOME/more # mine", ["/home/x/modules", "/home/x/more"]),
        ("if x; then ml use --append /a; fi\nmodule use --priority 10 '/b'", ["/a", "/b"]),
        ("module use $UNKNOWN/modules", None),
        ("module use ~other/modules", None),
        ("module use modules", None),
        ("export MODULEPATH=/x", None),
        ("module load A", []),
    ],
)
def test_folders_of_module_use_are_found_unless_one_is_unknown(text: str, folders: list[str] | None) -> None:
    found = list_used_folders([make_file("sh", text)], {"HOME": "/home/x"})
    assert found == (None if folders is None else [Path(folder) for folder in folders])
