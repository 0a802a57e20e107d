"""The installed command: help, exit statuses, stdout and stderr, isolation from the user's settings."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from stackenv import STACKENV_UUID, __version__
from stackenv.cli import main as cli

CHECKOUT = Path(__file__).resolve().parents[2]
COMMAND = Path(sysconfig.get_path("scripts"), "stackenv")
SUBCOMMANDS = ("check", "render", "hooks")
NAMED = ("--name", "Anaconda3", "--version", "2024.02-1")


def run(*arguments: str, command: Path = COMMAND, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command with `environ` and few other variables, and nothing of the caller's environment."""
    return subprocess.run(
        [str(command), *arguments],
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/nonexistent", **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make a conda installation with the programs that the probe looks for; return its prefix."""
    prefix = tmp_path / "Anaconda3"
    (prefix / "bin").mkdir(parents=True)
    for name in ("conda", "python"):
        (prefix / "bin" / name).write_text("#!/bin/sh\n")
        (prefix / "bin" / name).chmod(0o755)
    return prefix


def test_help_lists_the_exit_statuses() -> None:
    text = " ".join(run("--help").stdout.split())
    assert (
        "Exit status: 0 success, 1 failure, 2 wrong usage, 4 invalid site configuration, 5 unusable" in text
    )


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_help_of_a_site_subcommand_has_an_example(name: str) -> None:
    example = run("site", name, "--help").stdout.partition("Example:\n")[2]
    assert f"stackenv site {name}" in example.split("Options:")[0]


def list_commands(group: click.Group) -> Iterator[click.Command]:
    """Yield each command that is not hidden."""
    for command in group.commands.values():
        if not command.hidden:
            yield command
            if isinstance(command, click.Group):
                yield from list_commands(command)


def test_help_begins_with_a_sentence_of_at_most_eight_words_and_has_no_epilog() -> None:
    for command in list_commands(cli.stackenv):
        first = (command.help or "").split("\n\n")[0]
        assert first.endswith(".") and len(first.split()) <= 8, first
        assert not command.epilog, first


def test_each_option_has_a_help_text_that_ends_with_a_period() -> None:
    for command in list_commands(cli.stackenv):
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help and option.help.endswith("."), (command.name, option.name)


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_help_of_site_lists_its_subcommands(name: str) -> None:
    assert f"\n  {name} " in run("site", "--help").stdout


def test_help_lists_each_command_in_one_section() -> None:
    listed = [name for names in cli.SECTIONS.values() for name in names]
    assert sorted(listed) == [name for name in cli.COMMANDS if not cli.stackenv.commands[name].hidden]


def test_help_has_status_0_and_nothing_on_stderr() -> None:
    done = run("site", "render", "-h")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words", [["--version"], ["--version", "list"]], ids=" ".join)
def test_version_prints_the_version_of_the_package(words: list[str]) -> None:
    assert run(*words).stdout == f"stackenv, version {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [["site", "render"], ["--frob"], [], ["site"], ["kernel"]],
    ids=" ".join,
)
def test_wrong_usage_exits_with_status_2_and_nothing_on_stdout(arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.search("^Usage: stackenv", done.stderr, re.MULTILINE)


@pytest.mark.parametrize("arguments", [["frobnicate"], ["site", "frobnicate"]], ids=" ".join)
def test_an_unknown_command_exits_with_status_2_and_nothing_on_stdout(arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: `stackenv {' '.join(arguments)}` is not a command\n")


def test_only_output_py_asks_the_user_questions() -> None:
    sources = {path.name: path.read_text() for path in (CHECKOUT / "src/stackenv").rglob("*.py")}
    asking = ("click.confirm(", "from click import confirm", "prompt(", "input(", "getchar(")
    assert [name for name, text in sources.items() if any(word in text for word in asking)] == ["output.py"]


@pytest.mark.parametrize("word", ["install", "activate"])
def test_install_and_activate_are_refused_with_a_hint_about_modules(word: str) -> None:
    done = run(word, "biopy")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"`stackenv {word}` is not a command" in done.stderr
    assert "module" in done.stderr.partition("hint: ")[2]


def test_the_hint_for_activate_names_the_modules_folder_of_the_site(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    for folder, typed in (("${HOME}/mine", "~/mine"), ("${HOME}/my own", f"'{tmp_path}/my own'")):
        site.write_text(f"version: 1\npersonal:\n  modules: {folder}\n")
        done = run("activate", "biopy", HOME=str(tmp_path), STACKENV_SITE_CONFIG=str(site))
        assert f"hint: ml use {typed}; ml biopy\n" in done.stderr


def test_site_check_prints_ok_for_a_valid_configuration(tmp_path: Path) -> None:
    configuration = tmp_path / "site.yaml"
    configuration.write_text("version: 1\nconda:\n  init: warn\n")
    done = run("site", "check", str(configuration))
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        f"{configuration}: OK\n",
        "",
    )


def test_site_check_warns_about_condarc_keys_that_conda_does_not_know(tmp_path: Path) -> None:
    configuration = tmp_path / "site.yaml"
    configuration.write_text("version: 1\nconda:\n  condarc: {channel_prioritty: strict}\n")
    done = run("site", "check", str(configuration))
    assert (done.returncode, done.stdout) == (0, f"{configuration}: OK\n")
    assert done.stderr.startswith(f"warning: {configuration}:3: conda.condarc.channel_prioritty: ")


def test_site_check_reports_the_file_and_line_of_an_unknown_key(tmp_path: Path) -> None:
    configuration = tmp_path / "site.yaml"
    configuration.write_text("version: 1\nconda:\n  int: warn\n")
    done = run("site", "check", str(configuration))
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith(f"error: {configuration}:3: conda.int: unknown key")


def test_site_check_of_a_missing_file_exits_with_status_4(tmp_path: Path) -> None:
    done = run("site", "check", str(tmp_path / "none.yaml"))
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith(f"error: {tmp_path}/none.yaml: cannot be read: No such file")


def test_site_check_without_a_file_checks_the_configuration_in_use(tmp_path: Path) -> None:
    configuration = tmp_path / "site.yaml"
    configuration.write_text("version: 1\n")
    assert run("site", "check", STACKENV_SITE_CONFIG=str(configuration)).stdout.startswith(
        f"{configuration}: "
    )


def test_a_missing_file_named_by_stackenv_site_config_gives_status_4(tmp_path: Path) -> None:
    done = run("site", "check", STACKENV_SITE_CONFIG=str(tmp_path / "none.yaml"))
    assert (done.returncode, done.stdout) == (4, "")


def test_site_hooks_prints_the_path_of_an_existing_file() -> None:
    path = Path(run("site", "hooks").stdout.rstrip("\n"))
    assert path.is_file()


def test_site_render_prints_the_module_and_says_what_writes_its_files(root: Path) -> None:
    done = run("site", "render", *NAMED, "--root", str(root))
    assert done.returncode == 0
    assert done.stdout.startswith(f"-- {STACKENV_UUID} stackenv {__version__} sha256:")
    assert done.stdout.endswith("\n") and "hint:" not in done.stdout
    sentence, _, hint = done.stderr.partition("\nhint: ")
    assert f"it needs files in {root} that only the EasyBuild hooks" in sentence
    assert hint == (
        'eb --hooks="$(stackenv site hooks)" --module-only --force EASYCONFIG; without EasyBuild: '
        "stackenv site install --help\n"
    )


@pytest.mark.parametrize(
    ("prefix", "sentence"),
    [
        ("{tmp}", "{tmp} is not a usable conda installation: {tmp}/bin/conda: No such file"),
        ("{tmp}/it's", 'the prefix "{tmp}/it\'s" contains "\'", which shells'),
        ("{tmp}/a\nb", "the prefix '{tmp}/a\\nb' contains '\\n', which shells"),
        ("Anaconda3", "the prefix 'Anaconda3' is not an absolute path"),
        ("", "the prefix '' is not an absolute path"),
        ("/dev/null", "/dev/null is not a usable conda installation: /dev/null/bin/conda: Not a dir"),
    ],
    ids=["no bin/conda", "a quote", "a newline", "relative", "empty", "a file"],
)
def test_site_render_refuses_an_unusable_prefix_with_status_5(
    prefix: str, sentence: str, tmp_path: Path
) -> None:
    done = run("site", "render", *NAMED, "--root", prefix.format(tmp=tmp_path))
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr.startswith("error: " + sentence.format(tmp=tmp_path))


@pytest.mark.parametrize("name", ["conda", "python"])
def test_site_render_refuses_a_conda_or_python_that_is_not_executable(name: str, root: Path) -> None:
    (root / "bin" / name).chmod(0o644)
    done = run("site", "render", *NAMED, "--root", str(root))
    assert (done.returncode, done.stdout) == (5, "")
    assert f"{root}/bin/{name} is not executable" in done.stderr


# Root can read everything. So the interpreter reads all that it needs, and then becomes the user nobody.
AS_NOBODY = """\
import os, sys
from stackenv.cli import start as cli
import stackenv.cli.main
import stackenv.cli.site
from stackenv.site import render as site
configuration = site.load_configuration(site.find_configuration_file({}))
site.load_configuration = lambda path: configuration
if os.geteuid() == 0:
    os.setgroups([]); os.setegid(65534); os.seteuid(65534)
sys.argv[0] = "stackenv"
sys.exit(cli.main())
"""


def test_site_render_refuses_a_prefix_that_the_user_cannot_read(root: Path) -> None:
    root.chmod(0)
    try:
        done = run(
            "-c", AS_NOBODY, "site", "render", *NAMED, "--root", str(root), command=Path(sys.executable)
        )
    finally:
        root.chmod(0o755)
    assert (done.returncode, done.stdout) == (5, "")
    assert f"{root}/bin/conda: Permission denied" in done.stderr


@pytest.mark.parametrize("name", ["it's", "a\nb", "$HOME"])
def test_site_render_refuses_an_invalid_module_name(name: str, root: Path) -> None:
    done = run("site", "render", "--name", name, "--version", "1", "--root", str(root))
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["site", "hooks"]], ids=" ".join)
def test_a_full_disk_is_reported_without_a_traceback(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [str(COMMAND), *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_garbage_collection_is_enabled_after_a_command() -> None:
    code = "import gc, sys; from stackenv.cli.start import main; main(); print(gc.isenabled())"
    assert run("-c", code, "site", "hooks", command=Path(sys.executable)).stdout.endswith("\nTrue\n")


ENDING = """\
import atexit, sys, threading, time
from stackenv.cli.start import end
atexit.register(print, "called")
threading.Thread(target=lambda: (time.sleep(0.2), print("waited"))).start()
end(int(sys.argv[1]))
"""


def test_atexit_functions_are_called_after_all_threads_have_ended() -> None:
    done = run("-c", ENDING, "3", command=Path(sys.executable))
    assert (done.returncode, done.stdout.split(), done.stderr) == (3, ["waited", "called"], "")


def test_output_that_cannot_be_flushed_at_exit_gives_status_120() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-I", "-c", ENDING, "0"], stdout=full, check=False)
    assert done.returncode == 120


def test_a_closed_pipe_on_stdout_causes_no_traceback(root: Path) -> None:
    # The pipe has no reader when the text is written.
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [str(COMMAND), "site", "render", *NAMED, "--root", str(root)],
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(write)
    assert done.stderr == ""


@pytest.fixture
def poison(tmp_path: Path) -> Path:
    """Return a folder of Python modules that end the command when imported, as PYTHONPATH can bring them."""
    folder = tmp_path / "poison"
    folder.mkdir()
    for name in ("click", "yaml", "re", "jinja2", "packaging", "voluptuous", "hashlib", "pathlib"):
        (folder / f"{name}.py").write_text(f"raise SystemExit('{name} of the poison')\n")
    (folder / "stackenv").mkdir()
    (folder / "stackenv/__init__.py").write_text("raise SystemExit('stackenv of the poison')\n")
    return folder


def test_the_poison_breaks_a_python_that_obeys_pythonpath(poison: Path) -> None:
    done = run("-c", "import stackenv", command=Path(sys.executable), PYTHONPATH=str(poison))
    assert "of the poison" in done.stderr


def test_pythonpath_is_ignored(poison: Path, root: Path) -> None:
    obeyed, alone = (
        run("site", "render", *NAMED, "--root", str(root), **changes)
        for changes in ({"PYTHONPATH": str(poison)}, {})
    )
    assert (obeyed.returncode, obeyed.stdout, obeyed.stderr) == (0, alone.stdout, alone.stderr)


def test_modules_in_the_current_folder_are_ignored(poison: Path) -> None:
    done = subprocess.run([str(COMMAND), "--help"], cwd=poison, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_pythonwarnings_and_pythoninspect_are_ignored() -> None:
    done = run("--help", PYTHONWARNINGS="error", PYTHONINSPECT="1", PYTHONVERBOSE="")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.xfail(strict=True, reason="the interpreter of the first line ends before the script begins")
def test_pythonhome_is_ignored() -> None:
    assert run("--version", PYTHONHOME="/nonexistent").returncode == 0


@pytest.mark.parametrize("named", [True, False], ids=["by PYTHONUSERBASE", "in the home"])
def test_the_user_site_is_ignored(tmp_path: Path, named: bool) -> None:
    (tmp_path / "click.py").write_text("raise SystemExit('click of the poison')\n")
    # Only an interpreter that sees the system's packages has a user site.
    place = tmp_path / "venv"
    venv.create(place, system_site_packages=True, with_pip=False, symlinks=True)
    paths = {"base": str(place), "platbase": str(place)}
    packages = Path(sysconfig.get_path("purelib", "posix_prefix", vars=paths))
    reach = (str(CHECKOUT / "src"), sysconfig.get_path("purelib"))
    (packages / "reach.pth").write_text("".join(f"{folder}\n" for folder in reach))
    script = (CHECKOUT / "bin/stackenv").read_text().replace("#!python", f"#!{place}/bin/python", 1)
    command = place / "bin/stackenv"
    command.write_text(script)
    command.chmod(0o755)
    base = tmp_path / ("local" if named else ".local")
    environ = {"PYTHONUSERBASE": str(base)} if named else {"HOME": str(tmp_path)}
    user = {"userbase": str(base), "installed_base": str(base)}
    user_site = Path(sysconfig.get_path("purelib", "posix_user", vars=user))
    user_site.mkdir(parents=True)
    (user_site / "poison.pth").write_text(f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n")
    reached = run("-c", "import click", command=place / "bin/python", **environ)
    assert "click of the poison" in reached.stderr
    done = run("--help", command=command, **environ)
    assert (done.returncode, done.stderr) == (0, "")
