"""Files of stackenv that an environment has lost in a purge: found, explained and restored."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from answers import read_result

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "personal"))

from homes import bring_back, keep_home
from managed import (
    check,
    describe_environment,
    describe_tree,
    fix,
    list_own,
    lose_record,
    make_managed,
    prefix_of,
)
from people import CHECKOUT, COMMAND, MINOR, VERSION, Person, Site, make_wheel
from stacked import open_stack
from users import make_user

from stackenv.configuration.loader import load_configuration
from stackenv.environments.added_files import CARRY, describe_files
from stackenv.environments.managed_files import plan_file_rewriting
from stackenv.environments.packed import describe_contents
from stackenv.environments.venv_install import write_files
from stackenv.health.checked_environment import CheckedEnvironment, StackLoader
from stackenv.health.finding import Finding
from stackenv.health.rules import ENVIRONMENT_RULES, apply_rules
from stackenv.record import Carried, PackedImage, Platform, Python, Record
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
# Each file of the one list by itself; a file that is added to the list is tried, too.
FILES = [(kind, file.path) for kind, record in KINDS.items() for file in describe_files(record)]


def look(record: Record) -> list[Finding]:
    """Return the findings of the rule in the environment of `record`."""
    configuration = load_configuration(CHECKOUT / "site-config/default.yaml")
    subject = CheckedEnvironment(
        *("bio/1.0", Path("/modules/bio/1.0.lua"), Path(record.path), record, "", ""),
        shared=None,
        trusted=True,
        environ={},
        configuration=configuration,
        loader=StackLoader({}),
        thorough=False,
    )
    return list(apply_rules({"managed-files": ENVIRONMENT_RULES["managed-files"]}, subject))


@pytest.mark.parametrize("loss", ["deleted", "empty"])
@pytest.mark.parametrize(("kind", "path"), FILES)
def test_each_lost_managed_file_is_reported_and_restored(
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


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory, site: Site) -> tuple[Person, Path]:
    return make_managed(tmp_path_factory.mktemp("own"), site)


@pytest.fixture
def person(origin: tuple[Person, Path]) -> Iterator[Person]:
    person, kept = origin
    yield person
    bring_back(person.home, kept)


@pytest.mark.parametrize("name", ["made", "adopted", "plain"])
def test_all_managed_files_lost_at_once_are_one_finding_with_one_command(person: Person, name: str) -> None:
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


def test_the_users_own_pip_conf_is_not_reported_or_replaced(person: Person) -> None:
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
def test_missing_links_to_the_python_are_reported_and_restored(
    person: Person, names: tuple[str, ...] | None
) -> None:
    folder = prefix_of(person, "made") / "bin"
    before = {path.name: str(path.readlink()) for path in folder.glob("python*")}
    assert set(before) == {"python", "python3", f"python{MINOR}"}
    for name in names or before:
        (folder / name).unlink()
    dry = person.tree()
    assert person.stackenv("edit", "made", "--refresh", "--dry-run").stdout.startswith("restore python")
    assert person.tree() == dry
    (found,) = check(person, "made")
    assert (found["rule"], found["level"]) == ("python-changed", "broken")
    assert found["hint"] == "stackenv edit made/1.0 --refresh"
    fix(person, "made")
    assert {path.name: str(path.readlink()) for path in folder.glob("python*")} == before
    assert person.stackenv("run", "made", "--", "pip", "--version").stdout


def test_restored_python_links_are_removed_again_if_the_edit_fails(person: Person) -> None:
    prefix, modulefile = prefix_of(person, "made"), person.modules / "made/1.0.lua"
    modulefile.write_text(modulefile.read_text().replace('"modules": ["Bundle/1"]', '"modules": ["Gone/1"]'))
    (prefix / "stackenv/record.json").unlink()
    (prefix / "bin/python").unlink()
    (prefix / "bin/python3").unlink()
    (prefix / "bin/python3").symlink_to("nowhere")
    before = {path: text for path, text in person.tree().items() if "/made-1.0/" in path}
    done = person.stackenv("edit", "--refresh", "--all", status=1)
    assert "made/1.0 was not changed: module load Gone/1" in done.stderr
    assert {path: text for path, text in person.tree().items() if "/made-1.0/" in path} == before


def test_record_files_and_python_links_lost_at_once_are_restored(person: Person) -> None:
    prefix = prefix_of(person, "made")
    before = describe_environment(prefix)
    lose_record(prefix, "all")
    for path in (prefix / "bin").glob("python*"):
        path.unlink()
    fix(person, "made")
    assert describe_environment(prefix) == before


@pytest.mark.parametrize("lost", ["stackenv/constraints.txt", "stackenv/record.json", "bin/python"])
def test_a_read_only_environment_is_reported_and_left_unchanged(person: Person, lost: str) -> None:
    prefix = prefix_of(person, "made")
    (prefix / lost).unlink()
    before = person.tree()
    script = f"mount --bind {prefix} {prefix} && mount -o remount,bind,ro {prefix}"
    done = person.shell(f"unshare -m sh -c '{script} || exit 77; {COMMAND} edit made --refresh'")
    assert done.returncode == 1 and f"{prefix} is not writable; nothing was changed" in done.stderr
    assert person.tree() == before


def test_a_full_disk_leaves_no_partial_file_and_the_next_fix_succeeds(person: Person) -> None:
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


def test_effects_of_a_lost_file_are_not_reported_separately(person: Person) -> None:
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


def test_the_hint_in_a_project_names_the_project(person: Person) -> None:
    project = person.home / "project"
    project.mkdir()
    person.stackenv("create", "team", "-m", "Bundle/1", "--shared", str(project))
    lost = project / "venvs/team-1.0/stackenv/constraints.txt"
    text = lost.read_text()
    lost.unlink()
    done = person.stackenv("check", "team", "--shared", str(project), "--json", status=1)
    found = next(found for found in read_result(done.stdout) if found["rule"] == "managed-files")
    assert found["hint"] == f"stackenv edit team/1.0 --refresh --shared {project}"
    person.stackenv("check", "team", "--shared", str(project), "--fix", "--yes", status=None)
    assert lost.read_text() == text


@pytest.mark.any_value("verb")
@pytest.mark.parametrize("verb", ["install", "download", "wheel"])
def test_pip_reports_missing_constraints_and_replaces_nothing(person: Person, verb: str) -> None:
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


def test_restoring_the_pth_file_puts_the_environments_packages_first(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Without the .pth file, packages of a module that uses PYTHONPATH come first."""
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


def test_the_carry_module_is_required_only_if_variables_are_recorded(tmp_path: Path) -> None:
    """As in an environment made by an older stackenv."""
    record = replace(VENV, path=str(tmp_path))
    write_files(describe_files(record))
    (file,) = tmp_path.glob(f"lib/python{MINOR}/site-packages/{CARRY}.py")
    file.unlink()
    assert look(record) == []
    assert look(replace(record, carried=CARRIED))[0].where == str(file)


@pytest.mark.parametrize("kind", ["venv", "conda with a Python"])
def test_python_starts_with_one_warning_if_the_layers_module_is_missing(kind: str, tmp_path: Path) -> None:
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
    assert line.startswith("stackenv: the import order of bio/1.0 could not be set: ModuleNotFoundError")
    assert line.endswith("; hint: stackenv edit bio/1.0 --refresh")
