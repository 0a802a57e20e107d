"""Messages and help, mostly of refusals; and secrets, which are not recorded where others read them."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from answers import read_result
from stacked import Stack
from test_adopt_conda import make_environment
from trees import describe_tree
from users import STACKENV, User, make_user

from stackenv.cli.main import COMMANDS

NOBODY = 74021
SECRET = "hunter2"


@pytest.fixture
def nobody(one_stack: Stack) -> Iterator[User]:
    """Return a user who is not root, with an existing folder of modules."""
    if os.geteuid() or not shutil.which("setpriv"):
        pytest.skip("to become another user takes root and setpriv")
    # Other users cannot enter pytest's own folders.
    with tempfile.TemporaryDirectory(prefix="stackenv-messages-") as folder:
        user = make_user(Path(folder), one_stack)
        user.modules.mkdir()
        for path in (Path(folder), *Path(folder).rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        yield user


@pytest.mark.parametrize("command", ["list", "info it", "create it --os-python", "adopt ."])
def test_an_unreadable_module_folder_is_named(nobody: User, command: str) -> None:
    make_environment(nobody.home / "stats")
    nobody.modules.chmod(0)
    become = f"setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups --bounding-set=-all"
    arguments = command.replace(" .", " ./stats")
    refused = nobody.run(f"{become} {STACKENV} {arguments}")
    assert refused.returncode == 1, refused.stderr
    assert str(nobody.modules) in refused.stderr
    assert "output" not in refused.stderr and "Traceback" not in refused.stderr
    if command == "list":
        assert "Permission denied" in refused.stderr and f"ls -ld {nobody.modules}" in refused.stderr


def test_a_package_name_too_long_for_a_file_is_left_to_pip(user: User) -> None:
    name = "x" * 300
    refused = user.stackenv("create", "it", name, load=[user.stack.bundle_module])
    assert refused.returncode == 10, refused.stderr
    assert name in refused.stderr and "cannot write the output" not in refused.stderr


def test_a_path_that_is_too_long_is_reported_in_the_systems_words(user: User) -> None:
    refused = user.stackenv("adopt", "./" + "x" * 300)
    assert refused.returncode == 1, refused.stderr
    assert f"{'x' * 300}: File name too long" in refused.stderr


@pytest.mark.parametrize("command", ["list --json", "--help", "export it"])
def test_an_unwritable_output_is_reported(user: User, command: str) -> None:
    if command == "export it":
        assert user.stackenv("create", "it", load=[user.stack.bundle_module]).returncode == 0
    full = user.run(f"stackenv {command} >/dev/full")
    assert full.returncode == 1
    assert "cannot write the output: No space left on device" in full.stderr
    assert "Traceback" not in full.stderr and "Exception ignored" not in full.stderr


UNFIT = {"!": "oh!no", "`": "a`b", "$": "a$b", '"': 'the "best"'}


@pytest.mark.parametrize("character", UNFIT)
@pytest.mark.parametrize("kind", [[], ["--conda"]])
def test_a_new_environment_in_a_folder_with_unsafe_characters_is_refused(
    user: User, character: str, kind: list[str]
) -> None:
    before = describe_tree(user.home)
    refused = user.stackenv(
        "create", "it", *kind, "--path", UNFIT[character], load=[user.stack.bundle_module]
    )
    assert refused.returncode == 2, refused.stderr
    assert f"{character} (" in refused.stderr and "choose another folder: --path FOLDER" in refused.stderr
    assert describe_tree(user.home) == before


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("oh!no", "does not work in tcsh"),
        ("{a,b}", "does not work in tcsh"),
        ("a$b", "python -m pip"),
        ("a`b", "python -m pip"),
        ('the "best"', "python -m pip"),
        ("it's (mine) & ü", ""),
    ],
)
def test_an_existing_environment_with_unsafe_characters_is_adopted_with_a_warning(
    user: User, folder: str, words: str
) -> None:
    prefix = make_environment(user.home / folder)
    adopted = user.stackenv("adopt", str(prefix), "it")
    assert adopted.returncode == 0, adopted.stderr
    assert ("warning: " in adopted.stderr) == bool(words) and words in adopted.stderr


@pytest.mark.parametrize("folder", ["a:b", "a\nb"])
def test_a_path_with_a_colon_or_newline_is_refused_by_adopt(user: User, folder: str) -> None:
    make_environment(user.home / folder)
    refused = user.stackenv("adopt", f"./{folder}", "it")
    assert refused.returncode == 2 and "cannot be used in PATH" in refused.stderr


@pytest.mark.parametrize("command", ["create it biopython", "adopt ./stats"])
def test_the_json_of_a_dry_run_lists_the_same_steps(user: User, command: str) -> None:
    make_environment(user.home / "stats")
    load = [user.stack.bundle_module]
    plain, answer = (
        user.stackenv(*command.split(), "--dry-run", *json_option, load=load)
        for json_option in ([], ["--json"])
    )
    assert (plain.returncode, answer.returncode) == (0, 0), plain.stderr + answer.stderr
    unique = re.compile("[0-9a-f]{32}")
    data = read_result(answer.stdout)
    assert list(data) == ["steps"]
    assert [unique.sub("", s) for s in data["steps"]] == unique.sub("", plain.stdout).splitlines()
    assert len(data["steps"]) > 1


@pytest.mark.parametrize(
    "option", ["--allow-shadow=numpy", "--no-build-isolation", "--os-python", "--no-system-site-packages"]
)
def test_venv_options_are_refused_for_a_conda_environment(user: User, option: str) -> None:
    refused = user.stackenv("create", "it", "--conda", option)
    assert refused.returncode == 2, refused.stderr
    assert f"{option.partition('=')[0]} cannot be combined with --conda" in refused.stderr


@pytest.fixture
def index(user: User) -> Iterator[tuple[str, list[str]]]:
    """Serve the wheels; yield host and port, and the contents of the journals at each request."""
    journals: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            journals.extend(path.read_text() for path in (user.modules / ".stackenv").glob("*.json"))
            super().do_GET()

    served = partial(Handler, directory=user.stack.wheels)
    with ThreadingHTTPServer(("127.0.0.1", 0), served) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", journals
        server.shutdown()


def test_passwords_and_tokens_are_hidden_in_the_recorded_command_and_the_journal(
    user: User, index: tuple[str, list[str]]
) -> None:
    place, journals = index
    wheel = next(Path(user.stack.wheels).glob("six-*.whl")).name
    url = f"http://me:{SECRET}@{place}/{wheel}?token={SECRET}"
    made = user.stackenv("create", "it", f"six @ {url}", load=[user.stack.bundle_module])
    assert made.returncode == 0, made.stderr
    words = json.loads((user.home / "venvs/it-1.0/stackenv/record.json").read_text())["made_by"]
    hidden = f"six @ http://***@{place}/{wheel}?***"
    assert words == ["stackenv", "create", "it", hidden]
    assert journals and all(hidden in text and SECRET not in text for text in journals)


def test_the_token_of_a_conda_channel_is_hidden_in_the_recorded_command(user: User) -> None:
    prefix = make_environment(user.home / "stats")
    note = f"of https://conda.example/t/{SECRET}/mine and more"
    adopted = user.stackenv("adopt", str(prefix), "--description", note)
    assert adopted.returncode == 0, adopted.stderr
    words = json.loads((prefix / "stackenv/record.json").read_text())["made_by"]
    assert words[-1] == "of https://conda.example/t/***/mine and more"


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("install", "biopython>1"), "module load NAME; pip install 'biopython>1'"),
        (("install",), "module load NAME; pip install PACKAGE"),
        (("activate", "biopy"), "ml use ~/modules; ml biopy"),
        (("activate",), "ml use ~/modules; ml NAME"),
    ],
)
def test_commands_of_other_programs_are_answered_with_the_right_command(
    user: User, arguments: tuple[str, ...], hint: str
) -> None:
    told = user.stackenv(*arguments)
    assert told.returncode == 2
    assert f"`stackenv {arguments[0]}` is not a command" in told.stderr
    assert hint in told.stderr


@pytest.mark.parametrize("columns", ["60", "80", "200"])
def test_the_help_lists_all_commands_uncut_and_an_example(user: User, columns: str) -> None:
    told = user.stackenv("--help", COLUMNS=columns)
    _, _, commands = told.stdout.partition("\nCreate and change environments:\n")
    assert told.returncode == 0 and commands and "..." not in commands
    # Aliases of commands work, and are not shown.
    shown = COMMANDS.keys() - {"doctor", "help", "ls", "rm", "upgrade"}
    assert all(re.search(rf"^  {name}  ", told.stdout, re.MULTILINE) for name in shown)
    assert "stackenv create biopy biopython" in told.stdout


def test_the_example_in_the_help_of_edit_works(user: User) -> None:
    load = [user.stack.bundle_module]
    assert user.stackenv("create", "it", load=load).returncode == 0
    (example,) = re.findall(r"stackenv edit biopy (-m .*)", user.stackenv("edit", "--help").stdout)
    # The form of the example, with modules of this site: the bundle of the same generation, and one more.
    words = example.split()
    assert words[0::2] == ["-m", "-m"]
    names = ["-m", user.stack.bundle_module, "-m", user.stack.other_module]
    edited = user.stackenv("edit", "it", *names)
    assert edited.returncode == 0, edited.stderr
    other = user.stackenv("edit", "it", "-m", user.stack.next_bundle_module)
    assert other.returncode == 1
    assert f"stackenv rebuild it/1.0 -m {user.stack.next_bundle_module}\n" in other.stderr
    moved = user.run(
        "stackenv export it --format requirements > it.txt;"
        f" module purge; module load {user.stack.next_bundle_module};"
        " stackenv create it --version 2.0 -r it.txt"
    )
    assert moved.returncode == 0, moved.stderr


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("creat", "x"), "did you mean: stackenv create; stackenv --help lists the commands"),
        (("LIST",), "did you mean: stackenv list; stackenv --help lists the commands"),
        (("kernel", "ad"), "did you mean: stackenv kernel add; stackenv kernel --help lists the commands"),
        (("qqqqqqqq",), "stackenv --help lists the commands"),
        (("x" * 300,), "stackenv --help lists the commands"),
    ],
)
def test_an_unknown_command_gets_a_hint_with_similar_commands(
    user: User, words: tuple[str, ...], hint: str
) -> None:
    told = user.stackenv(*words)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.endswith(f" is not a command\n\nhint: {hint}\n") and len(told.stderr) < 300


def test_a_mistyped_module_or_environment_gets_a_suggestion(user: User) -> None:
    told = user.stackenv("create", "it", "-m", "scipy-bundel/2023.07")
    assert told.returncode == 7
    assert (
        f"hint: did you mean: {user.stack.bundle_module}; module spider scipy-bundel/2023.07\n" in told.stderr
    )
    load = [user.stack.bundle_module]
    assert user.stackenv("create", "biopython-tools", load=load).returncode == 0
    for name in ("BioPython-Tools", "biopythontools", "biopython-tools/1.1"):
        told = user.stackenv("info", name)
        assert told.returncode == 1
        assert "hint: did you mean: biopython-tools" in told.stderr, told.stderr


@pytest.mark.parametrize(
    ("typed", "same"),
    [
        (("-V",), ("--version",)),
        (("help",), ("--help",)),
        (("help", "create"), ("create", "--help")),
        (("help", "kernel", "add"), ("kernel", "add", "--help")),
    ],
)
def test_version_and_help_work_as_typed_in_other_programs(
    user: User, typed: tuple[str, ...], same: tuple[str, ...]
) -> None:
    told, known = user.stackenv(*typed), user.stackenv(*same)
    assert (told.returncode, told.stdout, told.stderr) == (0, known.stdout, "")


def test_without_a_module_the_bundle_with_numpy_is_suggested_first(user: User) -> None:
    told = user.stackenv("create", "it")
    assert told.returncode == 1
    offered = told.stderr.partition("hint: ")[2]
    best = user.stack.next_bundle_module
    assert offered.startswith(
        f"modules with Python and numpy here: {user.stack.bundle_module}, {best}; Python modules"
    )
    assert f"; run: module load {best}; then the same command; for a conda environment: --conda" in offered
    assert user.stackenv("create", "it", load=[best]).returncode == 0
