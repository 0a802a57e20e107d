"""Shell completion: the answers to command lines, and TAB in real shells."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from in_ci import fail_or_skip
from people import CHECKOUT, COMMAND, Person
from terminals import COMPINIT, SHELLS, Terminal

sys.path.insert(0, str(CHECKOUT / "tests/shells"))

from dialects import spare_manual_pages

from stackenv import STACKENV_UUID
from stackenv.cli import completion, main
from stackenv.cli.click_completion import Completion
from stackenv.cli.completers import complete_names

VARIABLE = "_STACKENV_COMPLETE"
COMPLETION = CHECKOUT / "modulefiles/completion"
# Names of files on MODULEPATH that a shell would not treat as one plain word.
ODD = (
    "a b",
    "$(touch ran)",
    "`touch ran`",
    "x;touch ran;",
    "q'uote",
    'q"uote',
    "tab\tbed",
    "new\nline",
    "é",
    "*",
)
SLOW_SINFO = "#!/bin/sh\necho asked >> '{log}'\nsleep 30\n"


def write_modulefile(person: Person, full_name: str) -> None:
    """Write a modulefile that begins like those of stackenv, which is enough for its name to be listed."""
    path = person.modules / f"{full_name}.lua"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"-- {STACKENV_UUID} stackenv\n-- record: /nowhere/{full_name}/stackenv/record.json\n")


@pytest.fixture(scope="module")
def typist(new_person) -> Person:
    """Return a person with environments of one version and of two, and with modulefiles of other origin."""
    typist = new_person()
    typist.create("biopy")
    refused = ("odd/latest", "odd/default", "odd/a.lua", "odd/a b", "latest/1.0", "b.lua/1.0")
    for full_name in ("geo/2.0", "geo/10.0", "genes/1.0", *refused, *(f"{name}/1.0" for name in ODD)):
        write_modulefile(typist, full_name)
    (typist.modules / "foreign").mkdir()
    (typist.modules / "foreign/1.0.lua").write_text("help([[another's]])\n")
    return typist


def offer(person: Person, typed: str, **changes: str) -> list[str]:
    """Return the completions of `typed`; `file` or `dir` stands for names that the shell itself completes."""
    done = person.stackenv(**{VARIABLE: typed}, **changes)
    assert done.stderr == ""
    lines = [line.split("\t") for line in done.stdout.split("\n")[:-1]]
    return [value if kind == "plain" else kind for kind, value, _ in lines]


ONE_WORD = ("info", "check", "run", "job", "edit", "export", "pack", "unpack", "rebuild", "remove", "rename")


@pytest.mark.parametrize("command", [*ONE_WORD, "kernel add", "update numpy --env"])
def test_environment_names_are_offered_where_a_command_takes_one(typist, command) -> None:
    assert offer(typist, f"stackenv {command} ") == ["biopy", "genes", "geo/2.0", "geo/10.0"]
    assert offer(typist, f"stackenv {command} g") == ["genes", "geo/2.0", "geo/10.0"]


def test_answers_without_click_equal_the_answers_of_click(typist, monkeypatch) -> None:
    for name, value in typist.environ.items():
        monkeypatch.setenv(name, value)
    named = {
        name
        for name, command in main.stackenv.commands.items()
        if not command.hidden
        and not isinstance(command, click.Group)
        and [p.name for p in command.params if isinstance(p, click.Argument)][:1]
        and next(p for p in command.params if isinstance(p, click.Argument))._custom_shell_complete
        is complete_names
    }
    assert named == completion.NAMING
    for command in sorted(named):
        for begin in ("", "b", "geo/1", "nothing"):
            line = f"stackenv {command} {begin}"
            by_click = Completion(line).complete()
            assert completion.answer(line).rstrip("\n") == by_click, line


def test_environment_names_are_completed_without_slow_imports(typist) -> None:
    # The first completion caches the site configuration.
    offer(typist, "stackenv info g")
    slow = {"click", "rich", "jinja2", "yaml", "voluptuous", "dataclasses", "inspect"}
    code = (
        "import sys, stackenv.cli.completion as c; c.answer('stackenv info g'); "
        f"print({slow} & sys.modules.keys())"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], env=typist.environ, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("biopy/", ["biopy/1.0"]),
        ("geo/1", ["geo/10.0"]),
        ("'ge", ["genes", "geo/2.0", "geo/10.0"]),
        ("nothing", []),
        ("biopy ", []),
        ("/", ["dir"]),
        ("~/ve", ["dir"]),
        ("./", ["dir"]),
        ("--shared /nowhere ", []),
    ],
)
def test_the_first_argument_is_completed_to_matching_names_or_folders(typist, typed, offered) -> None:
    assert offer(typist, f"stackenv info {typed}") == offered


def test_environment_names_of_a_project_are_offered_after_shared(typist, tmp_path) -> None:
    shutil.copytree(typist.modules / "genes", tmp_path / "modules/shared")
    assert offer(typist, f"stackenv info --shared {tmp_path} ") == ["shared"]


def test_commands_and_options_are_offered_with_their_help(typist) -> None:
    assert offer(typist, "stackenv re") == ["rebuild", "remove", "rename"]
    assert offer(typist, "stackenv kernel ") == ["add", "list", "remove"]
    assert offer(typist, "stackenv info --j") == ["--json"]
    shown = typist.stackenv(**{VARIABLE: "stackenv info --j"}).stdout
    assert shown == "plain\t--json\tPrint the result as JSON.\n"


@pytest.mark.parametrize(
    "typed", ["run biopy -- ", "job biopy -- ", "create x --from ", "create x -r ", "site check "]
)
def test_file_arguments_are_completed_by_the_shell(typist, typed) -> None:
    assert offer(typist, f"stackenv {typed}") == ["file"]


@pytest.mark.parametrize("typed", ["create x --path ", "unpack x --to ", "adopt ", "info --shared "])
def test_folder_arguments_are_completed_by_the_shell(typist, typed) -> None:
    assert offer(typist, f"stackenv {typed}") == ["dir"]


@pytest.fixture
def module_tree(tmp_path: Path) -> Path:
    """Return a folder with modulefiles in Lua and Tcl, two and three levels deep, and with other files."""
    root = tmp_path / "tree"
    for name in ("zlib/1.2.9.lua", "zlib/1.2.13.lua", "lib/hwloc/2.lua", *(f"{odd}/1.lua" for odd in ODD)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / "tool").mkdir()
    (root / "tool/1").write_text("#%Module1.0\n")
    (root / "tool/README").write_text("Read me.\n")
    for hidden in (".version", ".hidden.lua", "1~"):
        (root / "tool" / hidden).write_text("#%Module1.0\n")
    (root / "round").mkdir()
    (root / "round/round").symlink_to(root / "round")
    return root


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("", ["Bundle", "lib", "round", "tool", "zlib"]),
        ("zl", ["zlib", "zlib/1.2.9", "zlib/1.2.13"]),
        ("zlib/1.2.1", ["zlib/1.2.13"]),
        ("to", ["tool", "tool/1"]),
        ("lib", ["lib", "lib/hwloc", "lib/hwloc/2"]),
        ("nothing", []),
        ("../", []),
    ],
)
def test_modules_on_modulepath_are_offered_without_starting_lmod(
    typist, module_tree, tmp_path, typed, offered
) -> None:
    (tmp_path / "second/Bundle").mkdir(parents=True)
    path = f"{module_tree}:/nowhere:relative:{tmp_path}/second"
    # If Lmod were started, there would be no answer.
    environ = {"MODULEPATH": path, "LMOD_CMD": "/bin/false"}
    for option in ("-m ", "--module ", "-m zlib -m "):
        assert offer(typist, f"stackenv create x {option}{typed}", **environ) == offered
    joined = offer(typist, f"stackenv rebuild biopy --module={typed}", **environ)
    assert joined == [f"--module={name}" for name in offered]


def test_a_link_to_its_own_parent_folder_is_not_followed_forever(typist, module_tree) -> None:
    found = offer(typist, "stackenv create x -m rou", MODULEPATH=str(module_tree))
    assert found[:2] == ["round", "round/round"] and len(found) < 10


def test_kernels_are_offered_by_their_names_or_their_modules(new_person) -> None:
    person = new_person()
    folder = person.home / ".local/share/jupyter/kernels"
    for name, by in (("stackenv-lab-1.0", STACKENV_UUID), ("other", "another")):
        (folder / name).mkdir(parents=True)
        known = {"stackenv": by, "module": "lab/1.0", "module_folder": "/m", "environment": "/e"}
        contents = {"display_name": "lab (Bundle)", "argv": [], "metadata": {"stackenv": known}}
        (folder / name / "kernel.json").write_text(json.dumps(contents))
    assert offer(person, "stackenv kernel remove ") == ["stackenv-lab-1.0"]
    assert offer(person, "stackenv kernel remove la") == ["lab/1.0"]
    assert offer(person, "stackenv kernel remove ot") == []


@pytest.fixture
def sinfo(person: Person, tmp_path: Path) -> Iterator[Path]:
    """Return the file to which a stand-in for `sinfo` writes each time it is run; it lists two partitions.

    It is a stand-in because a real Slurm cannot be made to lose a partition or to hang.
    """
    log, program = tmp_path / "asked", tmp_path / "slurm/sinfo"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> "{log}"\nprintf "%s\\n" epyc2 bdw "CLUSTER: other"\n')
    program.chmod(0o755)
    person.environ["PATH"] = f"{program.parent}:{person.environ['PATH']}"
    return log


def count_lines(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_partitions_are_requested_from_slurm_once_and_cached(person, sinfo) -> None:
    assert offer(person, "stackenv job x --partition ") == ["epyc2", "bdw"]
    assert offer(person, "stackenv job x -p ep") == ["epyc2"]
    assert offer(person, "stackenv job x -p bdw,") == ["bdw,epyc2"]
    assert sinfo.read_text() == "--noheader --format=%R\n"
    kept = person.home / ".cache/stackenv/partitions.json"
    old = json.loads(kept.read_text())
    kept.write_text(json.dumps({**old, "asked": old["asked"] - 3600}))
    offer(person, "stackenv job x -p ")
    offer(person, "stackenv job x -p ", SLURM_CONF="/another")
    assert count_lines(sinfo) == 3


@pytest.mark.parametrize("kept", ["", "[]", '{"asked": "x"}', '{"asked": 9e99, "names": [1]}', "\0\xff"])
def test_a_damaged_partition_cache_is_replaced(person, sinfo, kept) -> None:
    path = person.home / ".cache/stackenv/partitions.json"
    path.parent.mkdir(parents=True)
    path.write_text(kept)
    assert offer(person, "stackenv job x -p ") == ["epyc2", "bdw"]
    assert json.loads(path.read_text())["names"] == ["epyc2", "bdw"]


def test_a_hanging_slurm_is_asked_once_and_cached_partitions_are_offered(person, sinfo, tmp_path) -> None:
    offer(person, "stackenv job x -p ")
    kept = person.home / ".cache/stackenv/partitions.json"
    kept.write_text(json.dumps({**json.loads(kept.read_text()), "asked": 0}))
    (tmp_path / "slurm/sinfo").write_text(SLOW_SINFO.format(log=sinfo))
    # The cached partitions are still used.
    assert offer(person, "stackenv job x -p e") == ["epyc2"]
    assert offer(person, "stackenv job x -p b") == ["bdw"]
    assert count_lines(sinfo) == 2


def test_a_slurm_that_did_not_answer_is_asked_again_soon(person, sinfo, tmp_path) -> None:
    answering = (tmp_path / "slurm/sinfo").read_text()
    (tmp_path / "slurm/sinfo").write_text(SLOW_SINFO.format(log=sinfo))
    assert offer(person, "stackenv job x -p ") == []
    (tmp_path / "slurm/sinfo").write_text(answering)
    assert offer(person, "stackenv job x -p ") == []
    kept = person.home / ".cache/stackenv/partitions.json"
    asked = json.loads(kept.read_text())
    kept.write_text(json.dumps({**asked, "asked": asked["asked"] - 40}))
    assert offer(person, "stackenv job x -p ") == ["epyc2", "bdw"]
    # Partitions that Slurm listed are cached for longer than a missing answer.
    known = json.loads(kept.read_text())
    kept.write_text(json.dumps({**known, "asked": known["asked"] - 40}))
    assert offer(person, "stackenv job x -p ") == ["epyc2", "bdw"]
    assert count_lines(sinfo) == 2


def test_partitions_are_offered_without_a_writable_home(person, sinfo) -> None:
    assert offer(person, "stackenv job x -p ", HOME="/proc/nowhere") == ["epyc2", "bdw"]


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "stackenv",
        "stackenv info 'unclosed ",
        "stackenv nothing ",
        "stackenv info --nothing x ",
        "stackenv job x --time never --part",
        "stackenv -",
        "\udcff \udcfe",
    ],
)
def test_odd_command_lines_cause_no_error(typist, typed) -> None:
    offer(typist, typed)


@pytest.mark.parametrize(
    "changes",
    [
        {"HOME": "/nonexistent"},
        {"HOME": ""},
        {"STACKENV_SITE_CONFIG": "/nonexistent"},
        {"STACKENV_SITE_CONFIG": "/bin/sh"},
        {"JUPYTER_DATA_DIR": "relative"},
    ],
    ids=lambda changes: "=".join(*changes.items()),
)
def test_unusable_homes_and_configurations_cause_no_error(typist, changes) -> None:
    assert offer(typist, "stackenv info ", **changes) in ([], ["biopy", "genes", "geo/2.0", "geo/10.0"])
    assert offer(typist, "stackenv kernel remove ", **changes) == []


def test_completion_gives_up_on_a_modulefile_that_blocks(typist, tmp_path) -> None:
    # Opening a pipe blocks until a writer opens it, like opening a file on a server that does not respond.
    (tmp_path / "modules/stuck").mkdir(parents=True)
    os.mkfifo(tmp_path / "modules/stuck/1.0.lua")
    begun = time.monotonic()
    assert offer(typist, f"stackenv info --shared {tmp_path} ") == []
    assert time.monotonic() - begun < 20


@pytest.fixture
def terminal(request, typist, module_tree, tmp_path) -> Iterator[Terminal]:
    """Return a shell with completion for a stand-in `stackenv`, which prints its arguments when it is run."""
    shell = request.param
    if not shutil.which(shell) or not shutil.which("setsid"):
        fail_or_skip(f"no {shell}")
    program = tmp_path / "bin/stackenv"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\n[ -z "${{{VARIABLE}+set}}" ] || exec {COMMAND}\nprintf "<%s>" "$@"; echo\n'
    )
    program.chmod(0o755)
    spare_manual_pages(typist.environ)
    environ = {
        **typist.environ,
        "PATH": f"{program.parent}:{typist.environ['PATH']}",
        "MODULEPATH": f"{module_tree}",
        "TERM": "dumb",
    }
    (tmp_path / "here").mkdir()
    (tmp_path / "here/fi le.txt").touch()
    (tmp_path / "here/fol der").mkdir()
    opened = Terminal(SHELLS[shell], environ, tmp_path / "here")
    if shell == "zsh":
        functions = tmp_path / "functions"
        functions.mkdir()
        shutil.copy(COMPLETION / "stackenv.zsh", functions / "_stackenv_completion")
        opened.type(f"fpath=({functions} $fpath); {COMPINIT}")
    else:
        opened.type(f"source {COMPLETION}/stackenv.{shell}")
    yield opened
    opened.close()


TYPED = {
    "stackenv inf\tbi\t": "<info><biopy>",
    "stackenv info geo/1\t": "<info><geo/10.0>",
    "stackenv info 'bi\t": "<info><biopy>",
    "stackenv create x -m zlib/1.2.1\t": "<create><x><-m><zlib/1.2.13>",
    "stackenv create x --module=zlib/1.2.1\t": "<create><x><--module=zlib/1.2.13>",
    "stackenv create x --module=\b=tool/\t": "<create><x><--module=tool/1>",
    "stackenv create x --descr\tword": "<create><x><--description><word>",
    "stackenv create x -m '$(t\t'": "<create><x><-m><$(t>",
    "stackenv create x -m q\t": "<create><x><-m><q>",
    "stackenv create x --from fi\t": "<create><x><--from><fi le.txt>",
    "stackenv create x --path fo\t": "<create><x><--path><fol der",
    "stackenv create x --from=fi\t": "<create><x><--from=fi le.txt>",
    "stackenv create x --path=fo\t": "<create><x><--path=fol der",
    "true; stackenv kernel rem\tx": "<kernel><remove><x>",
}


@pytest.mark.parametrize("terminal", list(SHELLS), indirect=True)
def test_tab_completes_the_command_line_in_each_shell(terminal, tmp_path) -> None:
    for typed, meant in TYPED.items():
        seen = terminal.type(typed)
        assert meant in seen, (typed, seen)
    assert not (tmp_path / "here/ran").exists()
