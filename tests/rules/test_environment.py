"""Real faults of an environment: found and fixed, with nothing else changed."""

from __future__ import annotations

import json
import os
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from answers import read_result
from checking import take_one
from findings import read_findings
from homes import bring_back, keep_home
from old_modules import render_old
from people import COMMAND, MINOR, VERSION, Person, Site, force_in, make_person, make_site, make_wheel

from stackenv.modulefile.text import mark_as_ours


def find(person: Person, rule: str, *words: str, **changes: str) -> list[dict[str, str]]:
    """Return the findings of `rule` in a thorough check of biopy, or in a check with `words`."""
    done = person.stackenv("check", *(words or ("biopy",)), "--json", status=None, **changes)
    return [finding for finding in read_result(done.stdout) if finding["rule"] == rule]


def find_one(person: Person, rule: str, *words: str, **changes: str) -> dict[str, str]:
    finding = take_one(find(person, rule, *words, **changes))
    return finding


def purelib(person: Person) -> Path:
    return person.home / f"venvs/biopy-1.0/lib/python{MINOR}/site-packages"


def fix(person: Person) -> None:
    person.stackenv("check", "biopy", "--fix", "--yes", status=None)


def differences(person: Person, before: dict[str, str], *but: str) -> set[str]:
    """Return the paths whose files differ from `before`, except those that contain one of `but`."""
    after = person.tree()
    paths = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    return {path for path in paths if not any(word in path for word in but)}


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory, site: Site) -> tuple[Person, Path]:
    """Return a person with the environment biopy, and a copy of the home."""
    person = make_person(tmp_path_factory.mktemp("environment"), site)
    person.create("biopy", "tiny-own==1.0")
    return person, keep_home(person.home)


@pytest.fixture
def biologist(origin: tuple[Person, Path]) -> Iterator[Person]:
    """Return the person with the original home."""
    person, kept = origin
    yield person
    bring_back(person.home, kept)


def test_a_healthy_environment_has_no_finding(biologist: Person) -> None:
    biologist.stackenv("check", "biopy")
    assert read_findings(biologist.stackenv("check", "--json").stdout) == []
    assert read_result(biologist.stackenv("check", "biopy", "--json").stdout) == []


def test_a_missing_environment_folder_is_reported(biologist: Person) -> None:
    shutil.rmtree(biologist.home / "venvs/biopy-1.0")
    found = find_one(biologist, "environment-gone")
    assert found["level"] == "broken" and "stackenv remove biopy/1.0 --yes" in found["hint"]
    assert [f["rule"] for f in read_findings(biologist.stackenv("check", "--json", status=1).stdout)] == [
        "environment-gone"
    ]


def test_a_missing_file_system_is_not_mistaken_for_a_deleted_environment(biologist: Person) -> None:
    (biologist.home / "venvs").rename(biologist.home / "away")
    found = find_one(biologist, "environment-gone")
    assert "on this node only" in found["why"] and "remove" not in found["hint"]


def test_an_unreadable_record_is_reported(biologist: Person) -> None:
    record = biologist.home / "venvs/biopy-1.0/stackenv/record.json"
    record.write_text("{")
    found = find_one(biologist, "managed-files")
    assert found["where"] == str(record) and found["hint"] == "stackenv edit biopy/1.0 --refresh"


def test_a_missing_python_is_reported_as_broken(tmp_path: Path) -> None:
    person = make_person(tmp_path, make_site(tmp_path / "site"))
    person.create("biopy")
    python = person.site.software / f"Python/{VERSION}/bin/python{MINOR}"
    python.rename(python.with_name("gone"))
    found = find_one(person, "python-changed")
    assert found["level"] == "broken" and str(python) in found["what"]
    assert found["hint"] == "stackenv rebuild biopy/1.0"


def test_a_python_link_to_another_python_is_reported(biologist: Person) -> None:
    link = biologist.home / "venvs/biopy-1.0/bin/python"
    link.unlink()
    link.symlink_to("/usr/bin/python3")
    assert "/usr/bin/python3" in find_one(biologist, "python-changed")["what"]


def test_an_environment_for_another_operating_system_is_reported(biologist: Person) -> None:
    record = biologist.home / "venvs/biopy-1.0/stackenv/record.json"
    data = json.loads(record.read_text())
    data["platform"]["os"] = "el8"
    record.write_text(json.dumps(data))
    found = find_one(biologist, "platform")
    assert found["level"] == "broken" and "el8" in found["what"]


def test_missing_cpu_features_are_reported(biologist: Person) -> None:
    record = biologist.home / "venvs/biopy-1.0/stackenv/record.json"
    data = json.loads(record.read_text())
    data["cpu_features"] = ["avx512_no_cpu_has_this"]
    record.write_text(json.dumps(data))
    assert "avx512_no_cpu_has_this" in find_one(biologist, "platform")["what"]


def test_files_lost_in_a_purge_are_reported_and_restored(biologist: Person) -> None:
    before = biologist.tree()
    old = time.time() - 31 * 86400
    module = purelib(biologist) / "tiny_own.py"
    os.utime(module, (old, old))
    for path in (biologist.home / "venvs").rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_atime < time.time() - 30 * 86400:
            path.unlink()
    assert not module.exists()
    found = find_one(biologist, "missing-files")
    assert (found["level"], found["where"]) == ("broken", str(module))
    assert "tiny-own==1.0 (1)" in found["what"]
    fix(biologist)
    assert module.exists() and find(biologist, "missing-files") == []
    # pip records when it installed; nothing else in the environment or the home is changed.
    assert differences(biologist, before, "__pycache__", "tiny_own-1.0.dist-info/", ".cache") == set()


def test_a_changed_byte_is_found_by_its_hash_and_restored(biologist: Person) -> None:
    module = purelib(biologist) / "tiny_own.py"
    contents = module.read_bytes()
    module.write_bytes(contents.replace(b"V", b"v", 1))
    assert module.stat().st_size == len(contents)
    found = find_one(biologist, "missing-files")
    assert (found["level"], found["where"]) == ("warning", str(module))
    fix(biologist)
    assert module.read_bytes() == contents and find(biologist, "missing-files") == []


def test_unmet_requirements_are_reported(biologist: Person) -> None:
    metadata = purelib(biologist) / "tiny_own-1.0.dist-info/METADATA"
    metadata.write_text(
        metadata.read_text()
        + "Requires-Dist: tiny-stack>=2\nRequires-Dist: absent\nRequires-Dist: none; python_version<'3'\n"
    )
    found = find_one(biologist, "inconsistent")
    assert "tiny-own 1.0 requires tiny-stack>=2, but 1.0 is installed" in found["what"]
    assert "requires absent, which is not installed" in found["what"] and "none" not in found["what"]


def test_unmet_numpy_bounds_are_reported_by_their_own_rule(biologist: Person) -> None:
    make_wheel(biologist.site.wheels, "numpy", "1.21")
    biologist.stackenv("run", "biopy", "--", "python", "-m", "pip", "install", "-q", "numpy==1.21")
    metadata = purelib(biologist) / "tiny_own-1.0.dist-info/METADATA"
    metadata.write_text(metadata.read_text() + "Requires-Dist: numpy>=1.22,<2\n")
    found = find_one(biologist, "numpy-bounds")
    assert "tiny-own 1.0 requires numpy<2,>=1.22, but 1.21 is installed" in found["what"]
    assert find(biologist, "inconsistent") == []


def test_a_package_that_hides_one_of_the_stack_is_reported_and_removed(biologist: Person) -> None:
    make_wheel(biologist.site.wheels, "tiny-stack", "0.5")
    before = biologist.tree()
    force_in(biologist, "biopy", "tiny-stack==0.5")
    found = find_one(biologist, "shadows")
    assert found["what"].startswith("tiny-stack 0.5 hides 1.0 of Bundle/1 (")
    assert time.strftime("installed %Y-%m-%d", time.gmtime()) in found["what"]
    fix(biologist)
    assert find(biologist, "shadows") == []
    # The lock file is uv's.
    assert differences(biologist, before, "__pycache__", ".cache", ".lock") == set()


def test_an_allowed_shadow_is_not_reported(person: Person) -> None:
    person.create("biopy", "tiny-stack==2.0", "--allow-shadow", "tiny-stack")
    assert find(person, "shadows") == []


@pytest.mark.parametrize("where", ["bin", "stackenv/record.json", f"lib/python{MINOR}/site-packages", ""])
def test_paths_writable_by_others_are_reported_and_closed(biologist: Person, where: str) -> None:
    path = biologist.home / "venvs/biopy-1.0" / where
    mode = path.stat().st_mode
    path.chmod(mode | stat.S_IWOTH)
    found = find_one(biologist, "open-to-others")
    assert (found["level"], found["where"]) == ("insecure", str(path))
    biologist.stackenv("check", "biopy", status=1)
    fix(biologist)
    assert path.stat().st_mode == mode & ~stat.S_IWGRP and find(biologist, "open-to-others") == []


def test_a_modulefile_writable_by_others_is_reported(biologist: Person) -> None:
    modulefile = biologist.modules / "biopy/1.0.lua"
    modulefile.chmod(0o666)
    assert find_one(biologist, "open-to-others")["where"] == str(modulefile)


def test_a_folder_of_another_user_is_reported_as_insecure(biologist: Person) -> None:
    os.chown(biologist.home / "venvs/biopy-1.0/bin", 4711, -1)
    found = find_one(biologist, "open-to-others")
    assert "4711" in found["what"] and found["level"] == "insecure"


def test_outdated_constraints_are_reported_and_rewritten(tmp_path: Path) -> None:
    person = make_person(tmp_path, make_site(tmp_path / "site"))
    person.create("biopy", "tiny-own==1.0")
    before = person.tree()
    bundle = person.site.software / "Bundle/1/lib"
    metadata = bundle / "tiny_stack-1.0.dist-info/METADATA"
    metadata.write_text(metadata.read_text().replace("Version: 1.0", "Version: 1.0.1"))
    (bundle / "tiny_stack-1.0.dist-info").rename(bundle / "tiny_stack-1.0.1.dist-info")
    found = find_one(person, "stale")
    assert "tiny-stack is pinned to 1.0, but Bundle/1 has 1.0.1" in found["what"]
    fix(person)
    assert find(person, "stale") == []
    constraints = person.home / "venvs/biopy-1.0/stackenv/constraints.txt"
    assert "tiny-stack==1.0.1" in constraints.read_text().replace("_", "-")
    changed = differences(person, before, "__pycache__")
    ours = ("/stackenv/", "modules/biopy/1.0.lua", "/tiny_stack-1.0.dist-info", "/tiny_stack-1.0.1.dist-info")
    assert changed and all(any(name in path for name in ours) for path in changed)


def test_a_changed_constraints_file_is_reported_and_restored(biologist: Person) -> None:
    before = biologist.tree()
    constraints = biologist.home / "venvs/biopy-1.0/stackenv/constraints.txt"
    constraints.write_text("numpy==0\n")
    assert str(constraints) in find_one(biologist, "stale")["what"]
    fix(biologist)
    assert differences(biologist, before, "__pycache__", "record.json") == set()


def test_a_modulefile_of_an_older_stackenv_is_reported_and_rewritten(biologist: Person) -> None:
    """One sets the constraints for the whole shell, and one differs from today's in one word."""
    before = biologist.tree()
    modulefile = biologist.modules / "biopy/1.0.lua"
    text = modulefile.read_text()
    modulefile.write_text(render_old(modulefile, biologist.home / "venvs/biopy-1.0"))
    found = find_one(biologist, "stale")
    assert "its constraints also apply to pip and uv in other environments" in found["what"]
    assert "stackenv edit biopy/1.0 --refresh" in found["hint"]
    fix(biologist)
    comment, body = text.split("\n", 2)[1:]
    modulefile.write_text(mark_as_ours(f"{body}\n-- older\n", [comment.removeprefix("-- ")]))
    assert f"{modulefile} differs from what stackenv would write now" in find_one(biologist, "stale")["what"]
    fix(biologist)
    assert find(biologist, "stale") == []
    assert differences(biologist, before, "__pycache__") == set()


def test_an_environment_on_purged_storage_is_reported(person: Person, tmp_path: Path) -> None:
    configuration = tmp_path / "site.yaml"
    configuration.write_text(f"version: 1\nconda:\n  purged_storage: [{tmp_path}/scratch]\n")
    (tmp_path / "scratch").mkdir()
    person.create("biopy", "--path", str(tmp_path / "scratch/biopy"))
    found = find_one(person, "purged-storage", STACKENV_SITE_CONFIG=str(configuration))
    assert str(tmp_path / "scratch") in found["what"]


def test_missing_modules_are_one_finding_and_block_other_fixes(tmp_path: Path) -> None:
    person = make_person(tmp_path, make_site(tmp_path / "site"))
    person.create("biopy", "tiny-own==1.0")
    bundle = Path(person.site.modulepath, "Bundle/1.lua")
    text = bundle.read_text()
    bundle.unlink()
    found = read_result(person.stackenv("check", "biopy", "--json", status=1).stdout)
    assert [finding["rule"] for finding in found] == ["modules-gone"]
    # Fixes that would run in the environment are not tried without its modules.
    module = purelib(person) / "tiny_own.py"
    module.unlink()
    done = person.stackenv("check", "biopy", "--fix", "--yes", status=1)
    assert "not fixed" not in done.stderr and not module.exists()
    assert "skipped, because it would fail: Bundle/1 is no longer available" in done.stderr
    bundle.write_text(text)
    person.stackenv("check", "biopy", "--fix", "--yes")
    assert module.is_file()


def test_checking_several_environments_starts_few_more_processes(person: Person, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        person.create(name)
    counts = []
    for words in (("check", "a"), ("check",)):
        trace = tmp_path / "trace"
        script = ["strace", "-f", "-qq", "-e", "trace=execve", "-e", "status=successful", "-o", str(trace)]
        done = person.shell(f'{" ".join(script)} "{COMMAND}" {" ".join(words)}')
        assert done.returncode == 0, done.stderr
        counts.append(trace.read_text().count(" execve("))
    # All environments have the same stack: Lmod and its Python are asked once.
    assert counts[1] <= counts[0] + 2
