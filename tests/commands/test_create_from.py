"""`stackenv create --from`: an exported environment is recreated, also on another machine."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
from answers import read_result
from built import SITE_CONFIGURATION, BuiltModules
from people import Person, make_wheel


def export(person: Person, name: str) -> Path:
    file = person.home.parent / f"{name}.yaml"
    file.write_text(person.stackenv("export", name).stdout)
    return file


def test_an_exported_environment_is_created_in_another_home(new_person: Callable[[], Person]) -> None:
    here, there = new_person(), new_person()
    here.create("biopy", "tiny-own==1.0", "--description", "Biology")
    file = export(here, "biopy")
    done = there.stackenv("create", "again", "--from", str(file))
    assert done.stdout == "ml use ~/modules; ml again\n"
    info = read_result(there.stackenv("info", "again", "--json").stdout)
    assert (info["modules"], info["description"]) == (["Bundle/1"], "Biology")
    assert info["environment"] == str(there.home / "venvs/again-1.0")
    assert {"name": "tiny-own", "version": "1.0", "installer": "pip"} in info["packages"]
    assert read_result(there.stackenv("check", "again", "--json").stdout) == []


def test_an_exported_environment_is_created_on_other_modules(new_person: Callable[[], Person]) -> None:
    here, there = new_person(), new_person()
    here.create("biopy", "tiny-own==1.0", "tiny-new")
    done = there.stackenv("create", "biopy", "--from", str(export(here, "biopy")), "-m", "Bundle/2")
    assert "tiny-new 1.0: now 1.0 from Bundle/2" in done.stderr
    assert read_result(there.stackenv("info", "biopy", "--json").stdout)["modules"] == ["Bundle/2"]


def test_missing_modules_are_reported_with_a_replacement(new_person: Callable[[], Person]) -> None:
    here, there = new_person(), new_person()
    here.create("biopy")
    file = export(here, "biopy")
    file.write_text(file.read_text().replace("Bundle/1", "Bundle/0.9"))
    before = there.tree()
    failed = there.stackenv("create", "biopy", "--from", str(file), status=7)
    assert "Bundle/0.9" in failed.stderr
    assert f"stackenv create biopy --from {file} -m Bundle/2" in failed.stderr
    assert there.tree() == before


@pytest.mark.parametrize(
    "text",
    [
        "numpy==1.26\n",
        "a: &a [x]\nb: [*a]\n",
        "{",
        "stackenv: 5f0c7d2e-8a5b-4c36-9d0e-3b1f6a7c2e94\n",
        "- 1\n",
    ],
)
def test_a_file_that_is_not_an_export_is_refused(person: Person, text: str) -> None:
    file = person.home / "file.yaml"
    file.write_text(text)
    before = person.tree()
    failed = person.stackenv("create", "it", "--from", str(file), status=2)
    assert "was not written by `stackenv export NAME`" in failed.stderr and "-r FILE" in failed.stderr
    assert person.tree() == before


def test_an_import_failure_after_creation_is_reported_in_a_sentence(new_person: Callable[[], Person]) -> None:
    here, there = new_person(), new_person()
    wheels = here.home.parent / "wheels"
    for owner in (here, there):
        owner.environ["PIP_FIND_LINKS"] += f" {wheels}"
    with zipfile.ZipFile(make_wheel(wheels, "tiny-built", "1.0"), "a") as wheel:
        wheel.writestr(f"tiny_ext{EXTENSION_SUFFIXES[0]}", "no library")
    here.create("biopy", "tiny-built")
    done = there.stackenv("create", "again", "--from", str(export(here, "biopy")))
    (line,) = (line for line in done.stderr.splitlines() if "cannot be imported" in line)
    assert line.startswith("broken: tiny-built 1.0: tiny_ext cannot be imported: ")
    assert "; hint: stackenv run again/1.0 " in line and "RunCommand" not in line


def test_no_value_in_the_file_is_used_as_an_option_or_a_path(new_person: Callable[[], Person]) -> None:
    here, there = new_person(), new_person()
    here.create("biopy", "tiny-own==1.0")
    text = export(here, "biopy").read_text()
    before = there.tree()
    for old, new in (
        ("name: tiny-own", "name: --index-url=http://evil"),
        ("- Bundle/1", "- /tmp/evil"),
        ("- Bundle/1", "- ../evil"),
        ("kind: venv", "kind: ../x"),
    ):
        file = there.home.parent / "evil.yaml"
        assert old in text
        file.write_text(text.replace(old, new))
        failed = there.stackenv("create", "it", "--from", str(file), status=None)
        assert failed.returncode in (1, 2, 7), failed.stderr
        assert there.tree() == before


def test_package_names_that_would_lead_pip_elsewhere_are_refused(new_person: Callable[[], Person]) -> None:
    here, there = new_person(), new_person()
    here.create("biopy", "tiny-own==1.0")
    evil = make_wheel(there.home.parent / "evil", "tiny-own", "9.0")
    file = there.home.parent / "evil.yaml"
    text = export(here, "biopy").read_text()
    assert "name: tiny-own\n" in text
    before = there.tree()
    for name in (f"tiny-own @ {evil.as_uri()}#", "tiny-own[more]", "tiny-own>0,"):
        file.write_text(text.replace("name: tiny-own\n", f"name: '{name}'\n"))
        failed = there.stackenv("create", "it", "--from", str(file), status=2)
        assert "is not a package that pip can install" in failed.stderr
        assert there.tree() == before


ARCHIVES = ("tiny_own-9.0-py3-none-any.whl", "evil.zip", "evil.TAR.GZ", "evil.tgz")


def test_archive_names_in_the_file_do_not_install_local_archives(new_person: Callable[[], Person]) -> None:
    here, there = new_person(), new_person()
    here.create("biopy", "tiny-own==1.0")
    file = there.home.parent / "evil.yaml"
    text = export(here, "biopy").read_text()
    wheel = make_wheel(there.home.parent / "evil", "tiny-own", "9.0")
    for name in ARCHIVES:
        shutil.copyfile(wheel, there.home / name)
        file.write_text(text.replace("name: tiny-own\n", f"name: '{name}'\n"))
        failed = there.stackenv("create", "other", "--from", str(file), status=2)
        assert "is not a package that pip can install" in failed.stderr
    file.write_text(f"{text}requirements: {list(ARCHIVES)}\n")
    done = there.stackenv("create", "it", "--from", str(file))
    assert done.stderr.count("this is the name of a file, not of a package") == len(ARCHIVES)
    info = read_result(there.stackenv("info", "it", "--json").stdout)
    assert {"name": "tiny-own", "version": "1.0", "installer": "pip"} in info["packages"]


def test_a_dry_run_changes_nothing(owner: Person) -> None:
    file = export(owner, "biopy")
    before = owner.tree()
    done = owner.stackenv("create", "again", "--from", str(file), "--dry-run")
    assert "create a venv" in done.stdout
    assert owner.tree() == before


def test_options_that_the_file_already_defines_are_refused(owner: Person) -> None:
    file = export(owner, "biopy")
    for words in (("tiny-own",), ("--conda",), ("--python", "3.12")):
        assert "--from" in owner.stackenv("create", "it", *words, "--from", str(file), status=2).stderr


def test_an_exported_conda_environment_is_created_with_the_same_packages(
    person: Person, built_modules: BuiltModules
) -> None:
    configuration = person.home.parent / "site.yaml"
    configuration.write_text(SITE_CONFIGURATION)
    person.environ.update(MODULEPATH=built_modules.modulepath, STACKENV_SITE_CONFIG=str(configuration))
    person.stackenv("create", "--conda", "it", "activating")
    file = export(person, "it")
    person.stackenv("create", "again", "--from", str(file))
    first, again = (read_result(person.stackenv("info", n, "--json").stdout) for n in ("it", "again"))
    assert (again["kind"], again["packages"]) == ("conda", first["packages"])
    assert again["environment"] == str(person.home / "conda/envs/again-1.0")


def test_missing_conda_packages_are_reported_with_a_hint_to_conda_search(
    person: Person, built_modules: BuiltModules
) -> None:
    configuration = person.home.parent / "site.yaml"
    configuration.write_text(SITE_CONFIGURATION)
    person.environ.update(MODULEPATH=built_modules.modulepath, STACKENV_SITE_CONFIG=str(configuration))
    person.stackenv("create", "--conda", "it", "activating")
    file = export(person, "it")
    file.write_text(file.read_text().replace("name: activating", "name: absent"))
    failed = person.stackenv("create", "again", "--from", str(file), status=None)
    assert failed.returncode and "conda search PACKAGE" in failed.stderr
    assert "pip" not in failed.stderr.rpartition("hint:")[2]
