"""Findings in an environment that carries its modules, which a refresh corrects."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from answers import read_result
from checking import take_one
from findings import read_findings
from homes import bring_back, keep_home
from people import CHECKOUT, MINOR, VERSION, Person, make_person, make_site

DEFAULTS = CHECKOUT / "site-config/default.yaml"
# Imports the package of the bundle, in a shell without modules.
START = ("venvs/biopy-1.0/bin/python", "-c", "import tiny_stack; print(tiny_stack.VERSION)")
REFRESH = "stackenv edit biopy/1.0 --refresh"


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> tuple[Person, Path, Path]:
    """Return a person with an environment that carries its modules, and copies of the home and the site."""
    folder = tmp_path_factory.mktemp("carrying")
    person = make_person(folder, make_site(folder / "site"))
    person.create("biopy", "tiny-own==1.0")
    kept = folder / "site-kept"
    shutil.copytree(folder / "site", kept, symlinks=True)
    return person, keep_home(person.home), kept


@pytest.fixture
def carrier(origin: tuple[Person, Path, Path]) -> Iterator[Person]:
    """Return the person, whose modules the test may change."""
    person, home, site = origin
    yield person
    bring_back(person.home, home)
    shutil.rmtree(person.home.parent / "site")
    shutil.copytree(site, person.home.parent / "site", symlinks=True)


def find(person: Person, **changes: str) -> list[dict[str, str]]:
    done = person.stackenv("check", "biopy", "--json", status=None, **changes)
    return [finding for finding in read_result(done.stdout) if finding["rule"] == "carrying"]


def find_one(person: Person, **changes: str) -> dict[str, str]:
    finding = take_one(find(person, **changes))
    return finding


def start_bare(person: Person) -> subprocess.CompletedProcess[str]:
    environ = {"HOME": str(person.home), "PATH": "/usr/bin:/bin"}
    return subprocess.run(START, cwd=person.home, env=environ, capture_output=True, text=True, check=False)


def change_record(person: Person, **changes: Any) -> Path:
    """Change values of the record, or of its part `carried`, in the same file; return its path."""
    path = person.home / "venvs/biopy-1.0/stackenv/record.json"
    record = json.loads(path.read_text())
    for name, value in changes.items():
        (record["carried"] if name in record["carried"] else record)[name] = value
    path.write_text(json.dumps(record))
    return path


def configure(person: Person, line: str) -> str:
    """Write the site configuration with another `line` in the section personal; return its path."""
    text = DEFAULTS.read_text()
    name = line.partition(":")[0]
    (old,) = (found for found in text.splitlines() if found.startswith(f"  {name}:"))
    path = person.home / "site.yaml"
    path.write_text(text.replace(f"{old}\n", f"  {line}\n"))
    return str(path)


def bundle(person: Person) -> Path:
    return Path(person.site.modulepath, "Bundle/1.lua")


def require_refreshed(person: Person, **changes: str) -> None:
    """Assert that nothing is found after a fix, and that the Python brings its modules."""
    person.stackenv("check", "biopy", "--fix", "--yes", status=None, **changes)
    assert find(person, **changes) == []
    started = start_bare(person)
    assert (started.stdout, started.stderr) == ("1.0\n", "")


def test_a_healthy_carrying_environment_has_no_finding(carrier: Person) -> None:
    assert find(carrier) == []
    assert find(carrier, LD_LIBRARY_PATH="/opt/mine", PYTHONPATH=str(carrier.home)) == []
    carrier.stackenv("check", "biopy", load="Bundle/1")
    assert start_bare(carrier).stdout == "1.0\n"


def test_a_changed_modulefile_is_reported_and_fixed(carrier: Person) -> None:
    bundle(carrier).write_text(bundle(carrier).read_text() + 'setenv("NEW", "1")\n')
    assert "has changed" in start_bare(carrier).stderr
    found = find_one(carrier)
    assert (found["level"], found["what"]) == ("warning", f"the modulefile {bundle(carrier)} has changed")
    assert found["hint"] == REFRESH
    require_refreshed(carrier)


def test_an_unchanged_modulefile_with_a_new_time_is_not_reported(carrier: Person) -> None:
    os.utime(bundle(carrier))
    assert start_bare(carrier).stderr == "" and find(carrier) == []


def test_moved_modules_are_reported_and_fixed(carrier: Person) -> None:
    old, new = Path(carrier.site.modulepath), Path(carrier.site.modulepath).with_name("moved")
    old.rename(new)
    change_record(carrier, modulepath=str(new))
    assert "is missing" in start_bare(carrier).stderr
    assert find_one(carrier)["what"] == f"the modulefile {bundle(carrier)} is gone"
    require_refreshed(carrier, MODULEPATH=str(new))


def test_a_missing_module_is_reported_only_by_modules_gone(carrier: Person) -> None:
    bundle(carrier).unlink()
    found = read_findings(carrier.stackenv("check", "biopy", "--json", status=1).stdout)
    assert [f["rule"] for f in found] == ["modules-gone"]


@pytest.mark.parametrize(
    ("line", "variable"),
    [
        ('append_path("PYTHONPATH", "{software}/Bundle/2/lib")', "PYTHONPATH"),
        ('prepend_path("EBPYTHONPREFIXES", "{software}/Bundle/2")', "EBPYTHONPREFIXES"),
        ('prepend_path("LD_PRELOAD", "libm.so.6")', "LD_PRELOAD"),
    ],
)
def test_a_variable_changed_by_a_dependency_module_is_reported_and_fixed(
    carrier: Person, line: str, variable: str
) -> None:
    """The modulefiles of modules that the user has not named are not recorded."""
    python = Path(carrier.site.modulepath, f"Python/{VERSION}.lua")
    python.write_text(python.read_text() + line.format(software=carrier.site.software) + "\n")
    found = find_one(carrier)
    assert found["what"] == f"its modules now set a different {variable}"
    assert found["why"].endswith(" it uses what they set earlier")
    require_refreshed(carrier)


def test_a_record_without_cpu_features_is_reported_and_fixed(carrier: Person) -> None:
    change_record(carrier, cpu_features=[])
    found = find_one(carrier)
    assert found["why"].endswith(" it uses the modules on older CPUs too, where their programs may crash")
    require_refreshed(carrier)


@pytest.mark.parametrize(
    "place", ['os.getenv("HOME") .. "/lib"', '"/tmp/" .. os.getenv("USER") .. "/lib"', '"/no/such/folder"']
)
def test_session_dependent_and_missing_folders_are_not_reported(carrier: Person, place: str) -> None:
    (carrier.home / "lib").mkdir()
    python = Path(carrier.site.modulepath, f"Python/{VERSION}.lua")
    python.write_text(python.read_text() + f'append_path("PYTHONPATH", {place})\n')
    assert find(carrier, USER="somebody") == []


def test_missing_software_of_a_module_is_reported_as_broken(carrier: Person) -> None:
    root = carrier.site.software / "Bundle/1"
    bundle(carrier).write_text(f'{bundle(carrier).read_text()}append_path("PYTHONPATH", "{root}/never")\n')
    require_refreshed(carrier)
    shutil.rmtree(root)
    found = find_one(carrier)
    assert (found["level"], found["what"]) == ("broken", f"software of its modules is gone: {root}")
    assert found["hint"].endswith("stackenv rebuild biopy/1.0 -m MODULE") and found["fix_steps"] == []


def test_a_record_from_another_cpu_is_reported_without_an_automatic_fix(carrier: Person) -> None:
    """The record is edited, because this machine has only one CPU."""
    change_record(carrier, cpu="zen9", cpu_features=["no_cpu_has_this", "sse2"], cpu_alias="cpu:zen9")
    said = start_bare(carrier).stderr
    assert "zen9" in said and "no_cpu_has_this" in said
    found = find_one(carrier)
    assert "recorded on the CPU zen9; this node's CPU lacks no_cpu_has_this" in found["what"]
    assert "module load biopy/1.0" in found["hint"] and REFRESH in found["hint"]
    # The user decides whether the environment should also work on the older nodes.
    assert found["fix_steps"] == []
    carrier.stackenv("edit", "biopy", "--refresh")
    assert find(carrier) == [] and start_bare(carrier).stdout == "1.0\n"
    carried = read_result(carrier.stackenv("info", "biopy", "--json").stdout)["carried"]
    assert carried["cpu"] != "zen9"


def test_a_newer_cpu_of_the_same_kind_is_not_reported(carrier: Person) -> None:
    change_record(carrier, cpu="x86_64", cpu_features=["sse2"], cpu_alias="cpu:x86_64")
    assert find(carrier) == [] and start_bare(carrier).stdout == "1.0\n"


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o620])
def test_a_record_writable_by_others_is_reported_and_closed(carrier: Person, mode: int) -> None:
    record = carrier.home / "venvs/biopy-1.0/stackenv/record.json"
    record.chmod(mode)
    assert "could have been written by another user" in start_bare(carrier).stderr
    rules = [f["rule"] for f in read_result(carrier.stackenv("check", "biopy", "--json", status=None).stdout)]
    # A record that everybody can write is reported by another rule, whose fix closes it.
    assert rules == ["open-to-others" if mode & 0o002 else "carrying"]
    require_refreshed(carrier)
    assert record.stat().st_mode & 0o022 == 0


def test_a_record_that_is_a_link_is_reported_and_replaced(carrier: Person) -> None:
    record = carrier.home / "venvs/biopy-1.0/stackenv/record.json"
    record.rename(carrier.home / "elsewhere")
    record.symlink_to(carrier.home / "elsewhere")
    assert "cannot be read" in start_bare(carrier).stderr
    assert find_one(carrier)["what"] == "the record is a symbolic link, which its Python does not follow"
    require_refreshed(carrier)
    assert not record.is_symlink()


def test_a_group_writable_record_is_accepted_if_its_reader_is_too(carrier: Person) -> None:
    site = carrier.home / f"venvs/biopy-1.0/lib/python{MINOR}/site-packages"
    for path in (carrier.home / "venvs/biopy-1.0/stackenv/record.json", site / "_stackenv_layers.py"):
        path.chmod(0o664)
    assert find(carrier) == [] and start_bare(carrier).stdout == "1.0\n"


def test_an_environment_of_an_older_stackenv_is_reported_and_refreshed(carrier: Person) -> None:
    path = change_record(carrier)
    record = json.loads(path.read_text())
    del record["carried"], record["carry_off"]
    path.write_text(json.dumps(record))
    site = carrier.home / f"venvs/biopy-1.0/lib/python{MINOR}/site-packages"
    (site / "_stackenv_carry.py").unlink()
    found = find_one(carrier)
    assert found["what"].startswith("the variables of its modules are not recorded")
    assert found["hint"] == f"{REFRESH}; to stop carrying modules: stackenv edit biopy/1.0 --no-carry"
    # That is only a warning: the check succeeds.
    carrier.stackenv("check", "biopy")
    require_refreshed(carrier)
    path.write_text(json.dumps({**json.loads(path.read_text()), "carried": None}))
    carrier.stackenv("edit", "biopy", "--no-carry")
    assert find(carrier) == []


def test_a_failing_clean_load_is_reported_by_edit_and_check(carrier: Person) -> None:
    bundle(carrier).write_text(
        bundle(carrier).read_text() + 'if not os.getenv("SITE_TOKEN") then LmodError("no token") end\n'
    )
    done = carrier.stackenv("edit", "biopy", "--refresh", SITE_TOKEN=str(carrier.home))
    assert "only while these are loaded" in done.stderr and "no token" in done.stderr
    assert "stop carrying its modules" in done.stderr
    assert (
        "the variables of its modules are not recorded"
        in find_one(carrier, SITE_TOKEN=str(carrier.home))["what"]
    )


def test_a_python_that_needs_its_modules_to_start_is_reported(carrier: Person) -> None:
    """The record is edited, because the Pythons of these tests start without modules."""
    change_record(carrier, starts_bare=False)
    found = find_one(carrier)
    assert found["what"].startswith("its Python starts only while its modules are loaded")
    assert "stackenv run biopy/1.0 -- python" in found["hint"] and found["fix_steps"] == []
    carrier.stackenv("edit", "biopy", "--no-carry")
    assert find(carrier) == []


def test_carrying_turned_off_and_on_by_the_site_is_reported(carrier: Person) -> None:
    carrier.create("never", "--no-carry")
    off = configure(carrier, "carry: false")
    found = find_one(carrier, STACKENV_SITE_CONFIG=off)
    assert "the site configuration now turns that off (personal.carry)" in found["what"]
    done = carrier.stackenv("edit", "--refresh", "--all", STACKENV_SITE_CONFIG=off)
    assert done.stderr.count("because the site configuration turns that off (personal.carry)") == 1
    assert "not loaded" in start_bare(carrier).stderr
    assert find(carrier, STACKENV_SITE_CONFIG=off) == []
    assert "configuration now allows it" in find_one(carrier)["what"]
    carrier.stackenv("edit", "--refresh", "--all")
    assert find(carrier) == [] and start_bare(carrier).stdout == "1.0\n"
    reasons = {
        name: read_result(carrier.stackenv("info", name, "--json").stdout)["carried"]["reason"]
        for name in ("biopy", "never")
    }
    assert reasons == {"biopy": "", "never": "user"}


@pytest.mark.parametrize(
    ("line", "said", "why"),
    [
        (
            "carry_on_any_cpu: true",
            "personal.carry_on_any_cpu",
            "does not use the modules on a CPU that lacks",
        ),
        (
            "carry_variables: [EBROOTBUNDLE]",
            "have changed: EBROOTBUNDLE",
            "does not set them as the modules do",
        ),
        ("carry_variables: [UNSET]", "", ""),
    ],
)
def test_changed_carrying_settings_of_the_site_are_reported_if_they_matter(
    carrier: Person, line: str, said: str, why: str
) -> None:
    configuration = configure(carrier, line)
    found = find(carrier, STACKENV_SITE_CONFIG=configuration)
    assert len(found) == bool(said) and all(said in f["what"] for f in found)
    assert all(why in f["why"] and "find their packages" not in f["why"] for f in found)
    if said:
        require_refreshed(carrier, STACKENV_SITE_CONFIG=configuration)
