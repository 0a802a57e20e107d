"""Files of stackenv that a purge has taken from an environment: found, said what that does, brought back."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "personal"))

from built import SITE_CONFIGURATION, BuiltModules
from findings import read_findings
from homes import bring_back, keep_home
from made_again import make_again
from packing import make_packing_user, require_fuse, unmounting
from people import CHECKOUT, COMMAND, MINOR, VERSION, Person, Site, make_person, make_wheel
from stacked import open_stack
from users import User, make_user

from stackenv.configuration.loader import load_configuration
from stackenv.environments.added_files import CARRY, describe_files
from stackenv.environments.managed_files import plan_file_rewriting
from stackenv.environments.packed import describe_contents
from stackenv.environments.venv_install import write_files
from stackenv.health.checked_environment import CheckedEnvironment, StackLoader
from stackenv.health.finding import Finding
from stackenv.health.rules import ENVIRONMENT_RULES, apply_rules
from stackenv.record import Carried, PackedImage, Platform, Python, Record, parse_record
from stackenv.transactions.changes import carry_out_change

VENV = Record(
    *("bio", "1.0", "venv", "/prefix", "/modules", (), (), ""),
    Python(VERSION, sys.executable),
    Platform("x86_64", "", ""),
    pinned=(("numpy", "1.25.1", "SciPy-bundle/2023.07"),),
)
CONDA = replace(VENV, kind="conda", python=None, activation={"environment_name": "bio"})
IMAGE = PackedImage("0a1b2c3d", 1, "5" * 64, 1, "6" * 64, "session", "/tmp")
CARRIED = Carried((), (), (), (), (), (), "zen2", ())
KINDS = {
    "venv": replace(VENV, carried=CARRIED),
    "venv without layers": replace(VENV, layers=False),
    "conda": CONDA,
    "conda with a Python": replace(CONDA, python=VENV.python),
    "packed venv": replace(VENV, packed=IMAGE),
    "packed conda": replace(CONDA, packed=IMAGE),
}
# Each file of the one list, by itself: one that is added to the list is tried, too.
FILES = [(kind, file.path) for kind, record in KINDS.items() for file in describe_files(record)]


def look(record: Record) -> list[Finding]:
    """Return what the rule finds in the environment of `record`."""
    configuration = load_configuration(CHECKOUT / "site-config/default.yaml")
    subject = CheckedEnvironment(
        *("bio/1.0", Path("/modules/bio/1.0.lua"), Path(record.path), record, "", ""),
        shared=None,
        believed=True,
        environ={},
        configuration=configuration,
        loader=StackLoader({}),
        thorough=False,
    )
    return list(apply_rules({"managed-files": ENVIRONMENT_RULES["managed-files"]}, subject))


def describe_tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return contents and mode of each file below `folder`."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mode) for path in files}


@pytest.mark.parametrize("loss", ["deleted", "empty"])
@pytest.mark.parametrize(("kind", "path"), FILES)
def test_each_file_of_the_list_is_missed_and_written_as_it_was(
    kind: str, path: str, loss: str, tmp_path: Path
) -> None:
    record = replace(KINDS[kind], path=str(tmp_path))
    files = describe_files(record)
    write_files(files)
    for file in describe_contents(record):
        Path(file.path).write_text("numpy==1.25.1\n")
    before = describe_tree(tmp_path)
    assert look(record) == []
    lost = tmp_path / Path(path).relative_to("/prefix")
    lost.unlink() if loss == "deleted" else lost.write_text("")
    (found,) = look(record)
    (own,) = (file for file in files if file.path == str(lost))
    assert (found.level, found.where) == ("broken", str(lost))
    assert str(lost.relative_to(tmp_path)) in found.what
    assert own.loss and found.why == own.loss
    assert found.hint == "stackenv edit bio/1.0 --refresh"
    assert [action.sentence for action in found.fix] == [found.hint]
    for change in plan_file_rewriting(files, record.path):
        carry_out_change(change)
    assert describe_tree(tmp_path) == before
    assert look(record) == []


def check(person: Person | User, *words: str) -> list[dict[str, str]]:
    """Return what `stackenv check` finds."""
    done = run(person, "check", *words, "--json")
    assert done.stdout, done.stderr
    return read_findings(done.stdout)


def run(person: Person | User, *words: str):
    """Run stackenv, whatever its status."""
    return person.stackenv(*words, status=None) if isinstance(person, Person) else person.stackenv(*words)


def fix(person: Person | User, name: str) -> None:
    """Fix all that is found in `name`."""
    done = run(person, "check", name, "--fix", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert check(person, name) == []


def list_own(prefix: Path) -> list[Path]:
    """Return stackenv's files in the environment at `prefix`, by its record, which is the first."""
    record = prefix / "stackenv/record.json"
    files = describe_files(parse_record(record.read_text(), str(record)))
    return [record, *(Path(file.path) for file in files)]


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory, site: Site) -> tuple[Person, Path]:
    """Return a person with three venvs, made, adopted, and adopted with --no-pth; and a copy of the home."""
    person = make_person(tmp_path_factory.mktemp("own"), site)
    person.create("made", "tiny-own==1.0", "--description", "Made", "--allow-shadow", "tiny-new")
    person.adopt("adopted")
    person.adopt("plain", "--no-pth", "--user-site")
    return person, keep_home(person.home)


@pytest.fixture
def person(origin: tuple[Person, Path]) -> Iterator[Person]:
    person, kept = origin
    yield person
    bring_back(person.home, kept)


def prefix_of(person: Person, name: str) -> Path:
    return person.home / ("venvs/made-1.0" if name == "made" else f"own/{name}")


def describe_environment(prefix: Path) -> dict[str, tuple[bytes, int]]:
    """Return what is in `prefix`, but for the record and what Python has compiled."""
    tree = describe_tree(prefix)
    return {p: v for p, v in tree.items() if "__pycache__" not in p and "record.json" not in p}


@pytest.mark.parametrize("name", ["made", "adopted", "plain"])
def test_a_purge_of_all_of_them_is_one_finding_and_one_command(person: Person, name: str) -> None:
    prefix = prefix_of(person, name)
    before, modulefile = describe_environment(prefix), (person.modules / f"{name}/1.0.lua").read_text()
    _, *files = list_own(prefix)
    for file in files:
        file.unlink()
    (found,) = check(person, name)
    assert (found["rule"], found["hint"]) == ("managed-files", f"stackenv edit {name}/1.0 --refresh")
    for file in files:
        assert str(file.relative_to(prefix)) in found["what"]
    fix(person, name)
    assert describe_environment(prefix) == before
    assert (person.modules / f"{name}/1.0.lua").read_text() == modulefile


def lose_record(prefix: Path, way: str) -> None:
    """Have the record, and with `all` each file of stackenv, deleted, or cut off by a full disk."""
    record, *files = list_own(prefix)
    if way == "cut":
        record.write_text(record.read_text()[:500])
    else:
        record.unlink()
    for file in files if way == "all" else []:
        file.unlink()


def restore_by_check(person: Person, name: str) -> None:
    (found,) = check(person, name)
    assert (found["rule"], found["level"]) == ("managed-files", "broken")
    assert found["hint"] == f"stackenv edit {name}/1.0 --refresh"
    fix(person, name)


def restore_by_adopt(person: Person, name: str) -> None:
    person.stackenv("adopt", str(prefix_of(person, name)), name)


def restore_by_adopt_of_the_path(person: Person, name: str) -> None:
    person.stackenv("adopt", str(prefix_of(person, name)))


@pytest.mark.each_pair("name", "way", "restore")
@pytest.mark.parametrize("restore", [restore_by_check, restore_by_adopt, restore_by_adopt_of_the_path])
@pytest.mark.parametrize("way", ["gone", "cut", "all"])
@pytest.mark.parametrize("name", ["made", "adopted", "plain"])
def test_a_record_is_written_again_from_the_modulefile_and_the_environment(
    person: Person, name: str, way: str, restore: Callable[[Person, str], None]
) -> None:
    prefix = prefix_of(person, name)
    before, modulefile = describe_environment(prefix), (person.modules / f"{name}/1.0.lua").read_text()
    record = json.loads((prefix / "stackenv/record.json").read_text())
    lose_record(prefix, way)
    restore(person, name)
    again = json.loads((prefix / "stackenv/record.json").read_text())
    # Others can have written the modulefile: what it says lets nobody delete a folder.
    assert not again["owned"]
    # Where the packages came from, and what was typed then, is lost.
    for data in (record, again):
        del data["made_by"], data["owned"]
        for package in data["packages"]:
            package.update(source="", sha256="")
    assert again == record
    assert describe_environment(prefix) == before
    assert (person.modules / f"{name}/1.0.lua").read_text() == modulefile
    assert check(person, name) == []


def test_a_modulefile_alone_lets_nobody_delete_a_folder(person: Person) -> None:
    prefix, modulefile = prefix_of(person, "made"), person.modules / "made/1.0.lua"
    python = (prefix / "bin/python").resolve()
    shutil.rmtree(prefix)
    subprocess.run([python, "-I", "-m", "venv", "--without-pip", prefix], check=True)
    (prefix / "thesis.txt").write_text("mine")
    modulefile.write_text(modulefile.read_text().replace("-- choices: {", '-- choices: {"owned": true, '))
    before = person.tree()
    refused = person.stackenv("edit", "made", "--refresh", status=1)
    assert "another environment may have taken its place" in refused.stderr
    assert f"stackenv adopt {prefix} made --version 1.0" in refused.stderr
    assert person.tree() == before
    person.stackenv("adopt", str(prefix), "made", "--version", "1.0")
    (prefix / "stackenv/record.json").unlink()
    again = person.stackenv("edit", "made", "--refresh").stderr
    assert "stackenv remove made/1.0 --environment deletes it" in again
    person.stackenv("remove", "made", "--yes")
    assert (prefix / "thesis.txt").read_text() == "mine" and not modulefile.exists()


def test_a_modulefile_of_a_colleague_writes_nothing_into_ones_environment(person: Person) -> None:
    if os.geteuid():
        pytest.skip("files of another user take root")
    project, prefix = person.home / "project", prefix_of(person, "made")
    text = (person.modules / "made/1.0.lua").read_text()
    theirs = project / "modules/pwn/2.0.lua"
    theirs.parent.mkdir(parents=True)
    theirs.write_text(text)
    os.chown(theirs, 74012, -1)
    (prefix / "stackenv/record.json").unlink()
    before = person.tree()
    shared = ("--shared", str(project))
    for words in (("edit", "pwn", "--refresh"), ("adopt", str(prefix), "pwn", "--version", "2.0")):
        refused = person.stackenv(*words, *shared, status=1)
        assert f"{theirs} belongs to 74012" in refused.stderr
    every = person.stackenv("edit", "--refresh", "--all", *shared, status=1)
    assert "in a project --all does not write it again" in every.stderr
    assert f"stackenv edit pwn/2.0 --refresh --shared {project}" in every.stderr
    assert person.tree() == before


@pytest.mark.parametrize("whose", ["a colleague's", "open to all"])
def test_to_write_a_record_again_nobody_elses_python_is_run(person: Person, whose: str) -> None:
    if os.geteuid():
        pytest.skip("files of another user take root")
    project, mark = person.home / "project", person.home / "executed"
    project.mkdir()
    person.stackenv("create", "team", "-m", "Bundle/1", "--shared", str(project))
    prefix = project / "venvs/team-1.0"
    (prefix / "stackenv/record.json").unlink()
    python = prefix / "bin/python"
    python.unlink()
    python.write_text(f"#!/bin/sh\ntouch {mark}\nexit 1\n")
    python.chmod(0o777 if whose == "open to all" else 0o755)
    for path in (prefix, *prefix.rglob("*")) if whose != "open to all" else ():
        os.chown(path, 74012, -1, follow_symlinks=False)
    os.chown(project / "modules/team/1.0.lua", prefix.stat().st_uid, -1)
    before = person.tree()
    refused = person.stackenv("edit", "team", "--refresh", "--shared", str(project), status=1)
    why = f"{python} can be written by everybody" if whose == "open to all" else f"{prefix} belongs to 74012"
    assert f"{why}, and to write the record" in refused.stderr
    assert person.tree() == before and not mark.exists()


def test_a_modulefile_has_modules_loaded_by_their_names_alone(person: Person) -> None:
    modulefile = person.modules / "made/1.0.lua"
    text = modulefile.read_text()
    modulefile.write_text(text.replace('"modules": ["Bundle/1"]', '"modules": ["../evil/pwn"]'))
    assert modulefile.read_text() != text
    (prefix_of(person, "made") / "stackenv/record.json").unlink()
    refused = person.stackenv("edit", "made", "--refresh", status=1)
    assert "../evil/pwn: a module is loaded by its name in MODULEPATH alone" in refused.stderr


def test_an_older_modulefile_tells_enough_but_never_that_the_folder_may_be_deleted(person: Person) -> None:
    for name in ("made", "plain"):
        modulefile, prefix = person.modules / f"{name}/1.0.lua", prefix_of(person, name)
        lines = modulefile.read_text().splitlines(keepends=True)
        assert lines[2].startswith("-- choices: ")
        modulefile.write_text("".join(lines[:2] + lines[3:]))
        before = describe_environment(prefix)
        record = json.loads((prefix / "stackenv/record.json").read_text())
        (prefix / "stackenv/record.json").unlink()
        person.stackenv("edit", name, "--refresh")
        again = json.loads((prefix / "stackenv/record.json").read_text())
        assert not again["owned"]
        for key in ("kind", "path", "modules", "python", "pinned", "layers"):
            assert again[key] == record[key], key
        layers = [path for path in describe_environment(prefix) if "_stackenv" in path]
        assert layers == [path for path in before if "_stackenv" in path]


def test_in_a_folder_that_is_no_environment_any_more_no_record_is_written(person: Person) -> None:
    prefix = prefix_of(person, "made")
    for path in prefix.rglob("*"):
        if not path.is_dir() or path.is_symlink():
            path.unlink()
    before = person.tree()
    (found,) = check(person, "made")
    assert found["rule"] == "environment-gone" and "stackenv remove made/1.0" in found["hint"]
    assert "No such file" in person.stackenv("edit", "made", "--refresh", status=1).stderr
    assert person.tree() == before


def test_a_record_of_a_newer_stackenv_is_left_alone(person: Person) -> None:
    record = prefix_of(person, "made") / "stackenv/record.json"
    record.write_text(record.read_text().replace('"record_version": 1', '"record_version": 2'))
    before = person.tree()
    (found,) = check(person, "made")
    assert found["rule"] == "environment-gone" and "newer" in found["hint"]
    assert "newer" in person.stackenv("edit", "made", "--refresh", status=1).stderr
    assert "made/1.0" in person.stackenv("adopt", "venvs/made-1.0", status=9).stderr
    assert person.tree() == before


def test_another_name_for_an_environment_without_a_record_is_refused_with_what_helps(person: Person) -> None:
    (prefix_of(person, "made") / "stackenv/record.json").unlink()
    before = person.tree()
    refused = person.stackenv("adopt", "venvs/made-1.0", "other", status=9)
    assert "has a module already: made/1.0" in refused.stderr
    assert "stackenv check made/1.0" in refused.stderr
    assert "record.json again" in person.stackenv("adopt", "venvs/made-1.0", "--dry-run").stdout
    (step,) = json.loads(person.stackenv("adopt", "venvs/made-1.0", "--dry-run", "--json").stdout)["steps"]
    assert "record.json again" in step
    assert person.tree() == before
    answer = json.loads(person.stackenv("adopt", "venvs/made-1.0", "--json").stdout)
    assert (answer["module"], answer["packages"]["tiny-own"]) == ("made/1.0", "1.0")


def test_a_pip_conf_of_the_users_own_is_not_missed_nor_replaced(person: Person) -> None:
    conf = prefix_of(person, "made") / "pip.conf"
    for text in ("[global]\ntimeout = 7\n", None):
        conf.unlink()
        (person.home / "central.conf").write_text("[global]\ntimeout = 5\n")
        conf.symlink_to(person.home / "central.conf") if text is None else conf.write_text(text)
        assert check(person, "made") == []
        held = conf.read_text()
        assert f"{conf} is your own" in person.stackenv("edit", "made", "--refresh").stderr
        assert conf.read_text() == held and conf.is_symlink() == (text is None)


@pytest.mark.any_value("names", of=3)
@pytest.mark.parametrize("names", [("python",), ("python3",), (f"python{MINOR}",), None])
def test_links_to_the_python_are_made_again(person: Person, names: tuple[str, ...] | None) -> None:
    folder = prefix_of(person, "made") / "bin"
    before = {path.name: str(path.readlink()) for path in folder.glob("python*")}
    assert set(before) == {"python", "python3", f"python{MINOR}"}
    for name in names or before:
        (folder / name).unlink()
    dry = person.tree()
    assert person.stackenv("edit", "made", "--refresh", "--dry-run").stdout.startswith("make python")
    assert person.tree() == dry
    (found,) = check(person, "made")
    assert (found["rule"], found["level"]) == ("python-changed", "broken")
    assert found["hint"] == "stackenv edit made/1.0 --refresh"
    fix(person, "made")
    assert {path.name: str(path.readlink()) for path in folder.glob("python*")} == before
    assert person.stackenv("run", "made", "--", "pip", "--version").stdout


def test_links_are_gone_again_when_the_rest_fails(person: Person) -> None:
    prefix, modulefile = prefix_of(person, "made"), person.modules / "made/1.0.lua"
    modulefile.write_text(modulefile.read_text().replace('"modules": ["Bundle/1"]', '"modules": ["Gone/1"]'))
    (prefix / "stackenv/record.json").unlink()
    (prefix / "bin/python").unlink()
    (prefix / "bin/python3").unlink()
    (prefix / "bin/python3").symlink_to("nowhere")
    before = {path: text for path, text in person.tree().items() if "/made-1.0/" in path}
    done = person.stackenv("edit", "--refresh", "--all", status=1)
    assert "made/1.0 is as it was: module load Gone/1" in done.stderr
    assert {path: text for path, text in person.tree().items() if "/made-1.0/" in path} == before


def test_all_that_a_purge_can_take_at_once_comes_back(person: Person) -> None:
    prefix = prefix_of(person, "made")
    before = describe_environment(prefix)
    lose_record(prefix, "all")
    for path in (prefix / "bin").glob("python*"):
        path.unlink()
    fix(person, "made")
    assert describe_environment(prefix) == before


@pytest.mark.parametrize("lost", ["stackenv/constraints.txt", "stackenv/record.json", "bin/python"])
def test_a_read_only_environment_is_said_and_left_as_it_is(person: Person, lost: str) -> None:
    prefix = prefix_of(person, "made")
    (prefix / lost).unlink()
    before = person.tree()
    script = f"mount --bind {prefix} {prefix} && mount -o remount,bind,ro {prefix}"
    done = person.shell(f"unshare -m sh -c '{script} || exit 77; {COMMAND} edit made --refresh'")
    assert done.returncode == 1 and f"{prefix} cannot be written; nothing was changed" in done.stderr
    assert person.tree() == before


def test_a_full_disk_leaves_each_file_whole_and_the_next_command_goes_on(person: Person) -> None:
    prefix = prefix_of(person, "made")
    kept, before = keep_home(prefix), describe_environment(prefix)
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(prefix)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"no tmpfs here: {done.stderr}")
    try:
        shutil.copytree(kept, prefix, symlinks=True, dirs_exist_ok=True)
        lose_record(prefix, "all")
        fill = prefix / "fill"
        with contextlib.suppress(OSError), fill.open("wb", buffering=0) as stream:
            while True:
                stream.write(b"\0" * 4096)
        full = person.stackenv("edit", "made", "--refresh", status=1)
        assert "No space left" in full.stderr and "Traceback" not in full.stderr
        now = describe_environment(prefix)
        assert {path: now[path] for path in before if path in now}.items() <= before.items()
        assert not [path for path in now if path not in before and not path.endswith("fill")]
        fill.unlink()
        fix(person, "made")
        assert describe_environment(prefix) == before
    finally:
        subprocess.run(["umount", "-l", prefix], check=True)
        shutil.rmtree(kept)


def test_what_is_only_the_effect_of_a_lost_file_is_not_found_beside_it(person: Person) -> None:
    prefix = prefix_of(person, "made")
    packages = prefix / f"lib/python{MINOR}/site-packages"
    metadata = packages / "tiny_own-1.0.dist-info/METADATA"
    metadata.write_text(f"{metadata.read_text()}Requires-Dist: absent\n")
    assert {found["rule"] for found in check(person, "made")} == {"inconsistent", "missing-files"}
    (packages / "_stackenv_layers.py").unlink()
    assert {found["rule"] for found in check(person, "made")} == {"managed-files", "missing-files"}
    (prefix / "bin/python").unlink()
    rules = [found["rule"] for found in check(person, "made")]
    assert rules == ["python-changed", "managed-files", "missing-files"]


def test_in_a_project_the_command_names_it(person: Person) -> None:
    project = person.home / "project"
    project.mkdir()
    person.stackenv("create", "team", "-m", "Bundle/1", "--shared", str(project))
    lost = project / "venvs/team-1.0/stackenv/constraints.txt"
    text = lost.read_text()
    lost.unlink()
    done = person.stackenv("check", "team", "--shared", str(project), "--json", status=1)
    found = next(found for found in json.loads(done.stdout) if found["rule"] == "managed-files")
    assert found["hint"] == f"stackenv edit team/1.0 --refresh --shared {project}"
    person.stackenv("check", "team", "--shared", str(project), "--fix", "--yes", status=None)
    assert lost.read_text() == text


@pytest.mark.any_value("verb")
@pytest.mark.parametrize("verb", ["install", "download", "wheel"])
def test_pip_says_what_is_missing_and_replaces_nothing(person: Person, verb: str) -> None:
    make_wheel(person.site.wheels, "tiny-stack", "2.0")
    prefix = prefix_of(person, "made")
    lost = prefix / "stackenv/constraints.txt"
    lost.unlink()
    before = describe_environment(prefix)
    for pip in (("pip",), ("python", "-m", "pip")):
        done = person.stackenv("run", "made", "--", *pip, verb, "tiny-stack==2.0", status=1)
        (line,) = (line for line in done.stderr.splitlines() if "constraints" in line)
        assert str(lost) in line and line.endswith("stackenv edit made/1.0 --refresh")
        assert "404" not in done.stderr and "Traceback" not in done.stderr
    assert describe_environment(prefix) == before
    assert "tiny-own" in person.stackenv("run", "made", "--", "pip", "list").stdout
    person.stackenv("edit", "made", "--refresh")
    held = person.stackenv("run", "made", "--", "pip", "install", "tiny-stack==2.0", status=1)
    assert "tiny-stack==1.0" in held.stdout + held.stderr


def test_the_environments_own_package_is_found_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Of a module by PYTHONPATH: without a .pth file its packages come first."""
    user = make_user(tmp_path_factory.mktemp("layers"), open_stack("eb5-pythonpath"))
    bundle = user.stack.bundle_module
    made = user.stackenv("create", "own", "--allow-shadow", "packaging", "packaging==24.2", load=(bundle,))
    assert made.returncode == 0, made.stderr
    ask = ("run", "own", "--", "python", "-c", "import packaging; print(packaging.__version__)")
    assert user.stackenv(*ask).stdout == "24.2\n"
    folder = next((user.home / "venvs/own-1.0").glob("lib/python3*/site-packages"))
    for path in folder.glob("*_stackenv.pth"):
        path.unlink()
    assert user.stackenv(*ask).stdout == "23.1\n"
    (found,) = check(user, "own")
    assert found["rule"] == "managed-files" and "before those of the environment" in found["why"]
    fix(user, "own")
    assert user.stackenv(*ask).stdout == "24.2\n"


@pytest.fixture
def conda_user(tmp_path_factory: pytest.TempPathFactory, built_modules: BuiltModules) -> User:
    """Return a user with the conda environment it, and its module."""

    def make(folder: Path) -> User:
        user = make_user(folder, open_stack("eb5-pythonpath"))
        configuration = folder / "site.yaml"
        configuration.write_text(SITE_CONFIGURATION)
        user.environ.update(MODULEPATH=built_modules.modulepath, STACKENV_SITE_CONFIG=str(configuration))
        made = user.stackenv("create", "it", "--conda", "activating", "--user-site", "--description", "Mine")
        assert made.returncode == 0, made.stderr
        return user

    return make_again(tmp_path_factory.getbasetemp() / "own-conda", make)


def lose_and_fix(user: User, name: str, prefix: Path, lost: Sequence[Path]) -> None:
    """Have the files `lost` of the environment `name` deleted and brought back by check."""
    modulefile = (user.modules / f"{name}/1.0.lua").read_text()
    before, record = describe_environment(prefix), json.loads((prefix / "stackenv/record.json").read_text())
    assert check(user, name) == []
    for path in lost:
        path.unlink()
    (found,) = check(user, name)
    assert (found["rule"], found["hint"]) == ("managed-files", f"stackenv edit {name}/1.0 --refresh")
    fix(user, name)
    assert describe_environment(prefix) == before
    assert (user.modules / f"{name}/1.0.lua").read_text() == modulefile
    again = json.loads((prefix / "stackenv/record.json").read_text())
    # Whether stackenv made it, the record alone tells; that in an image is there still.
    owned = prefix / "stackenv/record.json" not in lost or record["packed"] is not None
    assert {**again, "made_by": []} == {**record, "made_by": [], "owned": owned}


@pytest.mark.each_value("which")
@pytest.mark.parametrize("which", ["files", "record", "all"])
def test_what_a_conda_environment_has_lost_comes_back(conda_user: User, which: str) -> None:
    prefix = conda_user.home / "conda/envs/it-1.0"
    record, *files = list_own(prefix)
    lost = {"files": files, "record": [record], "all": [record, *files]}[which]
    lose_and_fix(conda_user, "it", prefix, lost)


def test_a_python_of_condas_that_is_gone_is_condas_to_bring_back(conda_user: User) -> None:
    prefix = conda_user.home / "conda/envs/it-1.0"
    note = {"name": "python", "version": "3.12.1", "files": ["bin/python"], "build": "0", "build_number": 0}
    (prefix / "conda-meta/python-3.12.1-0.json").write_text(json.dumps(note))
    record = prefix / "stackenv/record.json"
    data = json.loads(record.read_text())
    data["python"] = {"version": "3.12.1", "executable": f"{prefix}/bin/python", "module": ""}
    record.write_text(json.dumps(data))
    # Where there is a Python, stackenv has files too.
    found = {found["rule"]: found for found in check(conda_user, "it")}
    assert set(found) == {"managed-files", "missing-files"}
    assert "conda install" in found["missing-files"]["hint"]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    """Return a user with a packed venv."""
    require_fuse()
    folder = tmp_path_factory.mktemp("packed")
    with unmounting(folder):
        user = make_packing_user(folder, open_stack("eb5-pythonpath"))
        for words in (("create", "bio", "biopython", "--allow-shadow", "numpy"), ("pack", "bio")):
            done = user.stackenv(*words, load=[user.stack.bundle_module])
            assert done.returncode == 0, done.stderr
        yield user


@pytest.mark.parametrize("which", ["files", "record", "all"])
def test_what_lies_beside_an_image_comes_back(packed: User, which: str) -> None:
    prefix = packed.home / "venvs/bio-1.0"
    record, *files = list_own(prefix)
    assert not [file for file in files if "site-packages" in str(file)]
    files += [prefix / "stackenv/requirements.txt", prefix / "stackenv/environment.yml"]
    lose_and_fix(packed, "bio", prefix, {"files": files, "record": [record], "all": [record, *files]}[which])
    used = packed.run("module use ~/modules; module load bio && python -c 'import Bio'")
    assert used.returncode == 0, used.stderr


def test_the_names_of_the_programs_beside_an_image_come_back_by_what_is_said(packed: User) -> None:
    prefix = packed.home / "venvs/bio-1.0"
    before = describe_environment(prefix)
    for path in (prefix / "bin").glob("python*"):
        path.unlink()
    (found,) = check(packed, "bio")
    assert found["rule"] == "python-changed"
    typed = packed.run(found["hint"])
    assert typed.returncode == 0, typed.stderr
    assert check(packed, "bio") == []
    assert {Path(p).name for p in before if "/bin/" in p} == {
        Path(p).name for p in describe_environment(prefix) if "/bin/" in p
    }


def test_what_brings_the_modules_is_not_missed_where_nothing_is_recorded_of_them(tmp_path: Path) -> None:
    """As in an environment that an older stackenv has made."""
    record = replace(VENV, path=str(tmp_path))
    write_files(describe_files(record))
    (file,) = tmp_path.glob(f"lib/python{MINOR}/site-packages/{CARRY}.py")
    file.unlink()
    assert look(record) == []
    assert look(replace(record, carried=CARRIED))[0].where == str(file)


@pytest.mark.parametrize("kind", ["venv", "conda with a Python"])
def test_a_start_without_what_the_pth_file_imports_says_one_line(kind: str, tmp_path: Path) -> None:
    record = replace(KINDS[kind], path=str(tmp_path), carried=None)
    write_files(describe_files(record))
    folder = tmp_path / f"lib/python{MINOR}/site-packages"
    start = [sys.executable, "-I", "-c", f"import site; site.addsitedir({str(folder)!r}); print('started')"]
    whole = subprocess.run(start, env={}, capture_output=True, text=True, check=False)
    assert (whole.stdout, whole.stderr) == ("started\n", "")
    (module,) = (path for path in folder.glob("_stackenv_*.py") if path.stem != CARRY)
    module.unlink()
    done = subprocess.run(start, env={}, capture_output=True, text=True, check=False)
    assert done.stdout == "started\n"
    (line,) = done.stderr.splitlines()
    assert line.startswith("stackenv: bio/1.0 cannot put its packages in order: ModuleNotFoundError")
    assert line.endswith("; hint: stackenv edit bio/1.0 --refresh")
