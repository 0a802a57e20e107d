"""`--json`: scripts read it, so it must match json_format.txt and docs/reference/json.md.

    STACKENV_UPDATE_GOLDEN=1 python -m pytest tests/commands/test_json.py -k golden

updates json_format.txt. A removed or changed key requires a new FORMAT_VERSION; an added key does not.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
from answers import read_result
from own_prefix import make_thin_prefix
from people import CHECKOUT, COMMAND, VERSION, Person, make_wheel, write_module
from stacked import WORK

from stackenv import __version__
from stackenv.cli.answer import FORMAT_VERSION, Failure, describe_failure
from stackenv.cli.json_option import Asked, answering, set_result
from stackenv.cli.main import stackenv
from stackenv.errors import InstallError

GOLDEN = Path(__file__).with_name("json_format.txt")
TYPES = {str: "text", int: "number", bool: "true or false", type(None): "null", dict: "object"}


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", CHECKOUT / "docs/reference.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = load_generator()


def describe_format() -> dict[str, dict[str, str]]:
    """Return the declared type of each key, by command and by the path of the key in the result."""
    found = {}
    for name, (kind, is_list) in GENERATOR.RESULTS.items():
        kinds = {kind: "result[]." if is_list else "result."}
        kinds |= {GENERATOR.answer.Plan: "result."} if name in GENERATOR.PLANNING else {}
        fields = (field for one, start in kinds.items() for field in GENERATOR.list_fields(one, start))
        found[name] = {path: words for path, words, _ in fields}
    return found


def render_format() -> str:
    lines = [f"format_version {FORMAT_VERSION}"]
    for path, words, _ in GENERATOR.list_fields(GENERATOR.answer.Answer, ""):
        lines.append(f"{path}: {words}")
    for name, keys in describe_format().items():
        lines += ["", f"stackenv {name} --json", *(f"{path}: {words}" for path, words in keys.items())]
    return "\n".join(lines) + "\n"


def walk(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    for word, below in getattr(command, "commands", {}).items():
        yield from walk(below, f"{name} {word}".strip())


def test_the_format_of_each_command_is_in_the_golden_file() -> None:
    if "STACKENV_UPDATE_GOLDEN" in os.environ:
        GOLDEN.write_text(render_format(), encoding="utf-8")
    assert render_format() == GOLDEN.read_text(encoding="utf-8")
    having = {
        name
        for name, command in walk(stackenv, "")
        if not command.hidden and any("--json" in parameter.opts for parameter in command.params)
    }
    assert having == set(describe_format())


def observe(data: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield the type of each value in `data`, with its path."""
    if isinstance(data, list):
        yield path, "list"
        for item in data:
            yield from observe(item, f"{path}[]")
    else:
        yield path, TYPES[type(data)]
        for key, value in data.items() if isinstance(data, dict) else ():
            yield from observe(value, f"{path}.{key}")


def declare(words: str, path: str) -> Iterator[tuple[str, str]]:
    """Yield the pairs that `observe` may find at `path` if its declared type is `words`."""
    for word in words.replace("true or false", "bool").split(" or "):
        one = word.replace("bool", "true or false")
        yield path, one.partition(" ")[0] if one.startswith("list") else one
        if one.startswith("list of "):
            yield f"{path}[]", one.removeprefix("list of ").removesuffix("s")


class Answers:
    """What the commands printed, by command.

    `person` runs them. Each must print exactly one JSON object on stdout.
    """

    def __init__(self, person: Person) -> None:
        self.person = person
        self.seen: dict[str, set[tuple[str, str]]] = {}

    def ask(self, *words: str, status: int = 0, **changes: str) -> Any:
        """Run a command with --json; return the result that it prints."""
        done = self.person.stackenv(*words, "--json", status=status, **changes)
        answer = json.loads(done.stdout)
        assert done.stdout == json.dumps(answer, indent=2) + "\n"
        fields = [field.name for field in dataclasses.fields(GENERATOR.answer.Answer)]
        assert list(answer) == fields
        assert (answer["format_version"], answer["stackenv_version"]) == (FORMAT_VERSION, __version__)
        assert " ".join(words).startswith(answer["command"])
        self.seen.setdefault(answer["command"], set()).update(observe(answer["result"], "result"))
        return answer["result"]


def make_packages(folder: Path) -> None:
    """Write wheels: `two` needs `needed` from version 2.0 on; `gone` and `moving` 1.0 are deleted later."""
    for name, version, needs in (
        ("gone", "1.0", ()),
        ("moving", "1.0", ()),
        ("two", "1.0", ()),
        ("needed", "1.0", ()),
        ("two", "2.0", ("needed",)),
    ):
        make_wheel(folder, name, version, *needs)


@pytest.fixture(scope="module")
def answers(new_person: Callable[[], Person]) -> Answers:
    """Return the answers of each command; together they have all the keys that a result can have."""
    person = new_person()
    wheels = person.home / "wheels"
    make_packages(wheels)
    modules = dataclasses.replace(person.site, modulepath=str(person.home / "site-modules"))
    packages = Path(sysconfig.get_path("purelib", vars={"base": ""})).relative_to("/")
    needs = f'depends_on("Python/{VERSION}")'
    write_module(modules, "Jupyter/1", WORK / "jupyter", needs, "PYTHONPATH", str(packages))
    person.environ["MODULEPATH"] += f":{modules.modulepath}"
    person.environ["PIP_FIND_LINKS"] += f" {wheels}"
    found = Answers(person)
    for ask in (ask_makers, ask_updates, ask_kernels, ask_changers, ask_admins, ask_rebuilders, ask_viewers):
        ask(found)
    return found


def ask_makers(answers: Answers) -> None:
    words = ("create", "biopy", "tiny-own==1.0", "tiny-new", "gone", "moving", "-m", "Bundle/1")
    answers.ask(*words, "--dry-run")
    answers.ask(*words)
    answers.ask("create", "shadowing", "tiny-stack==2.0", "--allow-shadow", "tiny-stack", "-m", "Bundle/1")
    answers.person.stackenv("edit", "shadowing", "--mute", "stale", "--reason", "it is old")
    answers.person.stackenv("run", "biopy", "--", "python", "-m", "venv", "--without-pip", "old")
    install = (str(WORK / "venv/bin/uv"), "pip", "install", "--python", "old/bin/python", "tiny-own")
    answers.person.stackenv("run", "biopy", "--", *install, UV_FIND_LINKS=str(answers.person.site.wheels))
    answers.ask("adopt", "old", "-m", "Bundle/1", "--dry-run")
    answers.ask("adopt", "old", "-m", "Bundle/1")


def ask_updates(answers: Answers) -> None:
    answers.person.create("updated", "two==1.0")
    for words in (("--all", "--dry-run"), ("--env", "updated", "--yes")):
        answers.ask("update", "two", *words)


def ask_kernels(answers: Answers) -> None:
    answers.person.create("lab", module="Jupyter/1")
    answers.ask("kernel", "add", "lab", "--dry-run")
    answers.ask("kernel", "add", "lab")
    answers.ask("kernel", "list")


def ask_changers(answers: Answers) -> None:
    """Edit, rename, pack, unpack and remove a module, and remove a kernel."""
    person = answers.person
    person.create("changed")
    for words in (("edit", "changed", "--description", "new"), ("rename", "changed", "other")):
        answers.ask(*words, "--dry-run")
        answers.ask(*words)
    for words in (("pack", "other"), ("unpack", "other"), ("remove", "other", "--yes")):
        answers.ask(*words, "--dry-run")
        answers.ask(*words)
    person.create("gone-kernel", module="Jupyter/1")
    person.stackenv("kernel", "add", "gone-kernel")
    for more in (("--dry-run",), ()):
        answers.ask("kernel", "remove", "gone-kernel", *more)


def ask_admins(answers: Answers) -> None:
    home = answers.person.home
    configuration = home / "checked.yaml"
    configuration.write_text("version: 1\nconda: {condarc: {chanels: [a]}, load_test: {shells: [bash]}}\n")
    answers.ask("site", "check", str(configuration))
    make_thin_prefix(home / "prefix")
    words = ("--root", str(home / "prefix"), "--config", str(configuration))
    for version in ("1.0", "2.0"):
        modulefile = ("--modulefile", str(home / f"shared-modules/stackenv/{version}.lua"))
        for more in (("--dry-run",), ()):
            named = ("--name", "stackenv", "--version", version)
            answers.ask("site", "install", *named, *words, *modulefile, *more)
    for more in (("--dry-run",), ()):
        answers.ask("site", "uninstall", *words, *modulefile, *more)


def ask_rebuilders(answers: Answers) -> None:
    """Rebuild with kept, changed and missing packages, some that modules provide, and a foreign file."""
    home = answers.person.home
    exported = home / "biopy.yaml"
    exported.write_text(answers.person.stackenv("export", "biopy").stdout)
    (home / "venvs/biopy-1.0/pip.conf").write_text("[global]\ntimeout = 7\n")
    for wheel in (home / "wheels").glob("[gm]*.whl"):
        wheel.unlink()
    make_wheel(home / "wheels", "moving", "2.0")
    answers.ask("create", "again", "--from", str(exported), "-m", "Bundle/2")
    answers.ask("rebuild", "biopy", "-m", "Bundle/2", "--dry-run")
    answers.ask("rebuild", "biopy", "-m", "Bundle/2")


def ask_viewers(answers: Answers) -> None:
    """Run the commands that only show something, on intact and on broken environments."""
    person = answers.person
    (person.modules / "again/1.0.lua").unlink()
    (person.home / "venvs/lab-1.0/stackenv/record.json").write_text("{")
    (person.home / ".bash_profile").write_text("conda activate base\n")
    limited = person.home.parent / "site.yaml"
    limited.write_text('version: 1\nlimits: [{path: "${HOME}", bytes: 1 TB}]\n')
    answers.ask("list")
    answers.ask("info", "biopy")
    answers.ask("info", "shadowing")
    answers.ask("info", "lab", status=1)
    answers.ask("kernel", "list")
    answers.ask("check", status=1)
    answers.ask("clean")
    answers.ask("clean", "--yes")
    answers.ask("usage", STACKENV_SITE_CONFIG=str(limited))
    (person.home / "modules/unread").symlink_to("/proc")
    answers.ask("site", "report", "Bundle", "Python", "--root", str(person.home))


@pytest.mark.parametrize("name", GENERATOR.RESULTS)
def test_each_command_prints_what_the_golden_file_says(answers: Answers, name: str) -> None:
    keys = describe_format()[name]
    allowed = {pair for path, words in keys.items() for pair in declare(words, path)}
    allowed |= {("result", "list"), ("result[]", "object"), ("result", "object")}
    assert answers.seen[name] - allowed == set()
    # Each key of the file was printed, too.
    assert set(keys) - {path for path, _ in answers.seen[name]} == set()


def test_the_example_in_the_reference_is_what_list_prints(owner: Person) -> None:
    printed = owner.stackenv("list", "--json").stdout
    for real, shown in (
        (str(owner.home), "/home/you"),
        (VERSION, "3.11.3"),
        ("Bundle/1", "SciPy-bundle/2023.07-gfbf-2023a"),
    ):
        printed = printed.replace(real, shown)
    assert printed == GENERATOR.EXAMPLE.format(FORMAT_VERSION, __version__)


def fail(person: Person, *words: str, status: int = 2) -> dict[str, Any]:
    """Run a command that fails; return the answer that it prints."""
    answer = json.loads(person.stackenv(*words, status=status).stdout)
    assert list(answer["error"]) == ["message", "hint", "status"]
    assert (answer["result"], answer["error"]["status"]) == (None, status)
    return answer


def test_an_error_is_in_the_answer_and_on_stderr(person: Person) -> None:
    answer = fail(person, "info", "nothing", "--json", status=1)
    done = person.stackenv("info", "nothing", "--json", status=1)
    assert done.stderr == f"error: {answer['error']['message']}\n\nhint: {answer['error']['hint']}\n"
    assert answer["command"] == "info"


def test_an_answer_does_not_refer_to_output_above() -> None:
    error = InstallError("pip could not install a (exit status 1)", "fix it", "no a", is_output_above=True)
    assert error.message == "pip could not install a (exit status 1); see its output above"
    assert describe_failure(error) == Failure("pip could not install a (exit status 1): no a", "fix it", 10)


def test_info_of_a_broken_module_has_what_is_known_and_the_error(owner: Person) -> None:
    record = owner.home / "venvs/biopy-1.0/stackenv/record.json"
    record.rename(record.with_suffix(".aside"))
    try:
        answer = json.loads(owner.stackenv("info", "biopy", "--json", status=1).stdout)
    finally:
        record.with_suffix(".aside").rename(record)
    assert (answer["result"]["module"], answer["error"]["status"]) == ("biopy/1.0", 1)
    assert answer["error"]["message"] == answer["result"]["problem"] != ""


def test_a_partial_failure_lists_changed_and_failed_environments(new_person: Callable[[], Person]) -> None:
    person = new_person()
    assert read_result(person.stackenv("edit", "--refresh", "--all", "--json").stdout) == []
    for name in ("first", "second"):
        person.create(name)
    shutil.rmtree(person.home / "venvs/second-1.0")
    answer = json.loads(person.stackenv("edit", "--refresh", "--all", "--json", status=1).stdout)
    assert [(one["module"], bool(one["problem"])) for one in answer["result"]] == [
        ("first/1.0", False),
        ("second/1.0", True),
    ]
    assert answer["result"][0]["steps"] and not answer["result"][1]["steps"]
    assert answer["error"]["message"] == "1 environment could not be changed: second/1.0"


def test_a_removed_module_says_whether_its_environment_is_kept(new_person: Callable[[], Person]) -> None:
    person = new_person()
    prefix = person.create("created")
    person.stackenv("run", "created", "--", "python", "-m", "venv", "--without-pip", "adopted")
    person.stackenv("adopt", "adopted", "-m", "Bundle/1")
    words = ("remove", "created", "adopted", "--json")
    for more in (("--dry-run",), ("--yes",)):
        answer = read_result(person.stackenv(*words, *more).stdout)
        assert [(one["module"], one["environment_kept"]) for one in answer] == [
            ("created/1.0", False),
            ("adopted/1.0", True),
        ]
    assert not prefix.exists() and (person.home / "adopted").is_dir()


def test_the_answer_after_ctrl_c_contains_what_was_done(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(click.Abort), answering(["remove", "a", "b", "--yes", "--json"]):
        Asked.command = "remove"
        set_result(["a"])
        raise click.Abort
    answer = json.loads(capsys.readouterr().out)
    assert (answer["result"], answer["error"]["status"]) == (["a"], 130)
    with pytest.raises(click.Abort), answering(["remove", "a", "--json"]):
        Asked.command = "remove"
        raise click.Abort
    assert capsys.readouterr().out == ""


def test_a_usage_error_is_answered_in_json(person: Person) -> None:
    for words in (
        ("kernel", "list", "--json", "--bogus"),
        ("kernel", "list", "--bogus", "--json"),
        ("kernel", "list", "too-much", "--json"),
        # No name is given, and no environment is loaded.
        ("info", "--json"),
        ("check", "--json", "--fix"),
    ):
        answer = fail(person, *words)
        error, said = answer["error"], person.stackenv(*words, status=2).stderr
        assert " ".join(words).startswith(answer["command"])
        assert f"error: {error['message']}\n" in said and said.endswith(f"\nhint: {error['hint']}\n")


def test_errors_without_json_print_nothing_on_stdout(person: Person) -> None:
    for words in (("info", "nothing"), ("run", "nothing", "--json")):
        assert person.stackenv(*words, status=1).stdout == ""
    for words in (("list", "--bogus"), ("bogus", "--json")):
        assert person.stackenv(*words, status=2).stdout == ""
    assert person.stackenv("list", "--json", "--help").stdout.startswith("Usage: stackenv list")


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_a_path_with_arbitrary_bytes_is_valid_json_in_each_locale(person: Person, locale: str) -> None:
    folder = os.fsencode(person.home) + b'/caf\xc3\xa9 "\xff"'
    os.mkdir(folder)  # noqa: PTH102 (a path of bytes)
    environ = {**person.environ, "PIP_CACHE_DIR": os.fsdecode(folder), "LC_ALL": locale}
    done = subprocess.run([COMMAND, "usage", "--json"], env=environ, capture_output=True, check=True)
    places = read_result(done.stdout.decode("ascii"))["places"]
    assert folder in [os.fsencode(place["path"]) for place in places]


def test_an_operating_system_error_is_described_by_path_and_reason() -> None:
    error = PermissionError(13, "Permission denied", b"/project/a\xff")
    assert describe_failure(error) == Failure("/project/a\udcff: Permission denied", "", 1)
