"""Which modules an environment carries, and who turned carrying off, from its creation to its removal."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from answers import read_result
from people import CHECKOUT, MINOR, VERSION, Person, make_person, make_site

DEFAULTS = CHECKOUT / "site-config/default.yaml"
FIND = "import tiny_stack; print(tiny_stack.VERSION)"
SITE_PACKAGES = f"lib/python{MINOR}/site-packages"


@pytest.fixture
def mover(tmp_path: Path) -> Person:
    """Return a person at a site of their own, whose modules the test may change."""
    return make_person(tmp_path, make_site(tmp_path / "site"))


@pytest.fixture(scope="module")
def off(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the configuration of a site that turns carrying off."""
    path = tmp_path_factory.mktemp("site") / "site.yaml"
    text = DEFAULTS.read_text()
    assert "\n  carry: true\n" in text
    path.write_text(text.replace("\n  carry: true\n", "\n  carry: false\n"))
    return str(path)


def start(prefix: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Start the Python of the environment at `prefix` in a shell without modules."""
    variables = {"HOME": str(prefix.parent), "PATH": "/usr/bin:/bin", **environ}
    command = [prefix / "bin/python", *(words or ("-c", FIND))]
    return subprocess.run(command, env=variables, cwd="/", capture_output=True, text=True, check=False)


def record(prefix: Path) -> dict[str, Any]:
    return json.loads((prefix / "stackenv/record.json").read_text())


def require_carried(prefix: Path, version: str = "1.0") -> dict[str, Any]:
    """Check that the environment carries its modules; return what the record says about that."""
    started = start(prefix)
    assert (started.stdout, started.stderr) == (f"{version}\n", "")
    return record(prefix)["carried"]


def require_not_carried(prefix: Path, who: str) -> None:
    """Check that `who` turned carrying off, and that the environment reports its modules as not loaded."""
    assert (record(prefix)["carried"], record(prefix)["carry_off"]) == (None, who)
    started = start(prefix)
    assert started.returncode == 1 and "Bundle/1 (not loaded)" in started.stderr
    assert "No module named 'tiny_stack'" in started.stderr and "_stackenv_carry" not in started.stderr


def info(person: Person, name: str) -> tuple[dict[str, Any], list[str]]:
    """Return what info says about carrying: the part of the JSON, and the lines of text."""
    lines = person.stackenv("info", name).stdout.splitlines()
    found = read_result(person.stackenv("info", name, "--json").stdout)
    return found["carried"], [line[13:] for line in lines if line.startswith("carries ")]


def test_a_new_environment_carries_its_modules_and_info_shows_the_cpu(owner: Person) -> None:
    prefix = owner.create("new")
    carried = require_carried(prefix)
    shown, lines = info(owner, "new")
    assert shown == {
        **{"carries": True, "reason": "", "cpu": carried["cpu"]},
        **{"any_cpu": False, "restarts": False, "by_script": False, "needs_modules": False},
    }
    assert lines == [f"its modules, on {carried['cpu']} and newer CPUs"]


def test_stackenv_carry_0_turns_carrying_off_for_one_start(owner: Person) -> None:
    started = start(owner.home / "venvs/biopy-1.0", STACKENV_CARRY="0")
    assert "Bundle/1 (not loaded)" in started.stderr and started.returncode == 1


MAKERS: dict[str, Callable[[Person, str, str], Path]] = {
    "create": lambda person, name, option: person.create(name, *option.split()),
    "adopt": lambda person, name, option: person.adopt(name, *option.split()),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_no_carry_turns_carrying_off_and_edit_turns_it_on_and_off(owner: Person, maker: str) -> None:
    prefix = MAKERS[maker](owner, f"{maker}-off", "--no-carry")
    name = f"{maker}-off"
    require_not_carried(prefix, "user")
    shown, lines = info(owner, name)
    assert (shown["carries"], shown["reason"]) == (False, "user")
    assert lines == [f"no: turned off; to turn it on: stackenv edit {name}/1.0 --carry"]
    before = owner.tree()
    sentences = owner.stackenv("edit", name, "--carry", "--dry-run").stdout.splitlines()
    assert "carry its modules" in sentences and owner.tree() == before
    owner.stackenv("edit", name, "--refresh")
    require_not_carried(prefix, "user")
    owner.stackenv("edit", name, "--carry")
    require_carried(prefix)
    done = owner.stackenv("edit", name, "--no-carry")
    assert "stop carrying its modules" in done.stderr.splitlines()[0]
    require_not_carried(prefix, "user")
    assert read_result(owner.stackenv("check", name, "--json").stdout) == []
    owner.stackenv("remove", name, "--yes")
    assert not list(prefix.glob(f"{SITE_PACKAGES}/*stackenv*.p*"))


def test_edit_turns_carrying_off_when_the_modules_are_missing(mover: Person) -> None:
    prefix = mover.create("lost")
    Path(mover.site.modulepath, "Bundle/1.lua").unlink()
    assert "is missing" in start(prefix).stderr
    mover.stackenv("edit", "lost", "--no-carry")
    assert record(prefix)["carry_off"] == "user"
    assert "Bundle/1 (not loaded)" in start(prefix).stderr


@pytest.mark.parametrize(
    ("words", "changes", "said", "status"),
    [
        (("edit", "biopy", "--carry"), {"off": True}, "the site configuration turns that off", 2),
        (("edit", "plain", "--carry"), {}, "it was adopted with --no-pth", 2),
        (("edit", "extra", "--carry"), {}, "it is based on no module", 2),
        (("edit", "--all", "--carry"), {}, "--all requires --refresh", 2),
        (("edit", "--all", "--refresh", "--no-carry"), {}, "--all requires --refresh", 2),
        (("create", "x", "--conda", "--no-carry"), {}, "--no-carry cannot be combined with --conda", 2),
        (("adopt", "of-conda", "--no-carry"), {}, "the Python of a conda environment needs no modules", 2),
        (("edit", "packed", "--carry"), {}, "packed/1.0 is packed and cannot be changed", 1),
        (("edit", "packed", "--no-carry"), {}, "packed/1.0 is packed and cannot be changed", 1),
    ],
)
def test_carry_options_that_do_not_apply_are_refused_and_nothing_changes(
    owner: Person, off: str, words: tuple[str, ...], changes: dict[str, bool], said: str, status: int
) -> None:
    if words[1] == "plain":
        owner.adopt("plain", "--no-pth")
    if words[1] == "extra":
        owner.stackenv("create", "extra", "--os-python")
    if words[1] == "of-conda":
        (owner.home / "of-conda/conda-meta").mkdir(parents=True)
    if words[1] == "packed" and not (owner.home / "venvs/packed-1.0").exists():
        owner.create("packed")
        owner.stackenv("pack", "packed")
    before = owner.tree()
    environ = {"STACKENV_SITE_CONFIG": off} if changes.get("off") else {}
    done = owner.stackenv(*words, status=status, **environ)
    assert said in done.stderr and owner.tree() == before


@pytest.mark.parametrize(
    ("name", "reason", "line"),
    [
        ("plain-info", "no-pth", "no: adopted with --no-pth"),
        ("os-info", "no-modules", "no: it has no base modules"),
        # The site has turned carrying on again.
        (
            "off-info",
            "no-record",
            "no: its record does not have what the modules set; to add it: "
            "stackenv edit off-info/1.0 --refresh",
        ),
    ],
)
def test_info_says_why_nothing_is_carried(owner: Person, off: str, name: str, reason: str, line: str) -> None:
    if reason == "no-pth":
        owner.adopt(name, "--no-pth")
    elif reason == "no-record":
        owner.stackenv("create", name, "-m", "Bundle/1", STACKENV_SITE_CONFIG=off)
        shown = owner.stackenv("info", name, STACKENV_SITE_CONFIG=off).stdout
        assert "no: turned off by the site configuration (personal.carry)" in shown
    else:
        owner.stackenv("create", name, "--os-python")
    shown, lines = info(owner, name)
    assert (shown["carries"], shown["reason"], shown["needs_modules"]) == (False, reason, False)
    assert lines == [line]
    if reason == "no-record":
        return
    # The reason that --carry cannot change comes first, so that no hint is a command that is refused.
    owner.stackenv("edit", name, "--no-carry")
    assert info(owner, name)[1] == [line]
    refused = owner.stackenv("edit", name, "--carry", status=2).stderr
    assert ("stackenv rebuild os-info/1.0 -m MODULE" in refused) == (reason == "no-modules")
    assert "module load" not in refused


@pytest.mark.parametrize(
    ("changes", "reason", "line"),
    [
        ({"carried": None}, "no-record", "to add it: stackenv edit replaced/1.0 --refresh"),
        (
            {"starts_bare": False},
            "python-needs-modules",
            "no; its Python starts only while its modules are loaded",
        ),
        ({"cpu_features": []}, "", "its modules, on any CPU"),
        ({"libraries": ["/apps/lib"]}, "", "and newer CPUs; starts a second time to load their libraries"),
    ],
)
def test_info_shows_what_the_record_says_about_carrying(
    owner: Person, changes: dict[str, Any], reason: str, line: str
) -> None:
    """The record is replaced by one of an older stackenv, of another Python, or of another site."""
    prefix = owner.home / "venvs/replaced-1.0"
    if not prefix.exists():
        owner.create("replaced")
    path, before = prefix / "stackenv/record.json", record(prefix)
    within = {**before["carried"], **changes} if "carried" not in changes else None
    path.write_text(json.dumps({**before, "carried": within}))
    try:
        shown, (said,) = info(owner, "replaced")
    finally:
        path.write_text(json.dumps(before))
    assert (shown["reason"], shown["carries"]) == (reason, not reason) and said.endswith(line)


def test_no_carry_is_refused_for_an_exported_conda_environment(owner: Person) -> None:
    text = owner.stackenv("export", "biopy").stdout.replace("kind: venv", "kind: conda")
    assert "kind: conda" in text
    (owner.home / "conda.yaml").write_text(text)
    done = owner.stackenv("create", "x", "--from", "conda.yaml", "--no-carry", status=2)
    assert "describes a conda environment, whose Python needs no modules" in done.stderr


def test_a_rebuild_on_other_modules_carries_the_new_modules(owner: Person) -> None:
    owner.create("again")
    owner.stackenv("rebuild", "again", "-m", "Bundle/2")
    carried = require_carried(owner.home / "venvs/again-1.0-2", "2.0")
    (modulefile,) = carried["modulefiles"]
    assert modulefile["path"].endswith("Bundle/2.lua")
    # The old environment still carries its modules.
    require_carried(owner.home / "venvs/again-1.0")


def test_the_old_environment_says_where_the_rebuilt_one_is(mover: Person) -> None:
    old, new = mover.create("again"), mover.home / "venvs/again-1.0-2"
    done = mover.stackenv("rebuild", "again", "-m", "Bundle/2")
    assert f"in crontabs, scripts and editors, replace '{old}/bin' by '{new}/bin'" in done.stderr
    assert record(new)["replaced_by"] == ""
    modulefile = Path(mover.site.modulepath, "Bundle/1.lua")
    text = modulefile.read_text()
    modulefile.write_text(f"{text}-- built again\n")
    for why in ("has changed", "is missing"):
        assert start(old, "-c", "").stderr == (
            f"stackenv: the environment again/1.0 runs without its modules: the modulefile {modulefile} "
            f"{why}, and the environment was rebuilt in {new}; hint: stackenv info again/1.0\n"
        )
        modulefile.unlink(missing_ok=True)
    assert f" {new}\n" in mover.stackenv("info", "again").stdout
    assert read_result(mover.stackenv("check", "again", "--json").stdout) == []
    require_carried(new, "2.0")
    # The old environment, adopted under another name, refers to that name.
    modulefile.write_text(text)
    mover.stackenv("adopt", str(old), "older", "-m", "Bundle/1")
    modulefile.write_text(f"{text}-- built again\n")
    assert start(old, "-c", "").stderr.endswith("hint: stackenv edit older/1.0 --refresh\n")


def test_editing_the_base_modules_carries_the_new_modules(owner: Person) -> None:
    prefix = owner.create("edited")
    owner.stackenv("edit", "edited", "-m", "Bundle/2", "-m", "Extra/1")
    assert len(require_carried(prefix, "2.0")["modulefiles"]) == 2


@pytest.mark.parametrize(
    "words",
    [
        ("edit", "kept", "--description", "x"),
        ("rename", "kept", "other"),
        ("update", "tiny-own", "--all", "--yes"),
    ],
)
def test_commands_that_change_no_module_keep_carrying_on_or_off(
    person: Person, words: tuple[str, ...]
) -> None:
    prefix = person.create("kept", "tiny-own==1.0")
    before = require_carried(prefix)
    person.stackenv(*words)
    assert require_carried(prefix) == before
    person.create("never", "tiny-own==1.0", "--no-carry")
    person.stackenv(*(word.replace("kept", "never").replace("other", "no") for word in words))
    require_not_carried(person.home / "venvs/never-1.0", "user")


def test_no_carry_survives_a_rebuild_an_export_and_a_lost_record(owner: Person) -> None:
    prefix = owner.create("no", "--no-carry")
    (owner.home / "no.yaml").write_text(owner.stackenv("export", "no").stdout)
    owner.stackenv("create", "no2", "--from", "no.yaml")
    require_not_carried(owner.home / "venvs/no2-1.0", "user")
    (prefix / "stackenv/record.json").unlink()
    owner.stackenv("edit", "no", "--refresh")
    require_not_carried(prefix, "user")
    owner.stackenv("rebuild", "no")
    require_not_carried(owner.home / "venvs/no-1.0-2", "user")


def test_a_lost_record_is_restored_with_what_is_carried(owner: Person) -> None:
    prefix = owner.create("lost")
    before = record(prefix)["carried"]
    for words in (("edit", "lost", "--refresh"), ("adopt", str(prefix))):
        (prefix / "stackenv/record.json").unlink()
        assert "cannot be read" in start(prefix).stderr
        owner.stackenv(*words)
        assert require_carried(prefix) == before


def test_adopting_again_keeps_no_carry(owner: Person) -> None:
    prefix = owner.adopt("twice", "--no-carry")
    (owner.modules / "twice/1.0.lua").unlink()
    owner.stackenv("adopt", str(prefix), "twice", "-m", "Bundle/1")
    require_not_carried(prefix, "user")


def test_export_leaves_out_carried_modules_and_the_sites_carry_setting(owner: Person, off: str) -> None:
    owner.create("told")
    text = owner.stackenv("export", "told").stdout
    assert owner.site.modulepath not in text.partition("carried")[2] and "Bundle/1.lua" not in text
    owner.stackenv("create", "of-site", "-m", "Bundle/1", STACKENV_SITE_CONFIG=off)
    require_not_carried(owner.home / "venvs/of-site-1.0", "site")
    for name, *option in (("told",), ("of-site",), ("told", "--no-carry")):
        (owner.home / "x.yaml").write_text(owner.stackenv("export", name).stdout)
        made = f"{name}-{len(option)}"
        owner.stackenv("create", made, "--from", "x.yaml", *option)
        prefix = owner.home / f"venvs/{made}-1.0"
        require_not_carried(prefix, "user") if option else require_carried(prefix)


def test_refresh_replaces_the_recorded_cpu_with_the_current_one(owner: Person) -> None:
    """The record is replaced, because this machine has only one CPU model."""
    prefix = owner.create("from-zen9")
    path, here = prefix / "stackenv/record.json", record(prefix)
    cpu = {"cpu": "zen9", "cpu_features": ["no_cpu_has_this"], "cpu_alias": "cpu:zen9"}
    there = {**here, "carried": {**here["carried"], **cpu}}
    path.write_text(json.dumps({**there, "platform": {**here["platform"], "cpu": "zen9"}}))
    assert "no_cpu_has_this" in start(prefix).stderr
    owner.stackenv("edit", "from-zen9", "--refresh")
    assert require_carried(prefix) == here["carried"]


@pytest.fixture
def umask() -> Iterator[None]:
    """Restore the umask after the test; a site's module may set it for all later commands."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def list_open(home: Path) -> list[str]:
    """Return the files and folders below `home` that the group or others can write."""
    paths = [path for path in home.rglob("*") if not path.is_symlink()]
    return [str(path) for path in paths if path.lstat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)]


@pytest.mark.parametrize(
    "words",
    [
        ("edit", "mine", "--refresh"),
        ("edit", "mine", "-m", "Bundle/1", "-m", "Extra/1"),
        ("update", "tiny-own", "--all", "--yes"),
        ("rename", "mine", "yours"),
        ("pack", "mine"),
    ],
)
def test_changes_under_a_wide_umask_give_no_write_access_and_keep_carrying(
    person: Person, umask: None, words: tuple[str, ...]
) -> None:
    prefix = person.create("mine", "tiny-own==1.0")
    (prefix / SITE_PACKAGES / "_stackenv_carry.py").unlink()
    for path in (person.home / "venvs", prefix, person.modules):
        path.chmod(0o755)
    if words[0] != "edit":
        person.stackenv("edit", "mine", "--refresh")
    assert list_open(person.home) == []
    os.umask(0o002)
    person.stackenv(*words)
    # The permissions of what pip installs are those that pip sets.
    assert [path for path in list_open(prefix) if "tiny_own" not in path] == []
    assert list_open(person.modules / "mine") == list_open(person.modules / "yours") == []
    require_carried(prefix)


def test_nothing_is_carried_while_a_module_of_the_site_is_loaded(owner: Person) -> None:
    """The Python module of the site is loaded, so nothing is carried, as if nothing had been recorded."""
    started = start(owner.home / "venvs/biopy-1.0", LOADEDMODULES=f"Python/{VERSION}")
    assert "Bundle/1 (not loaded)" in started.stderr
