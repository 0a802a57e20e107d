"""`stackenv site report`: who depends on a module, found by records alone."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from answers import read_result
from open_ways import open_way_to
from people import COMMAND, Person
from terminals import read_table


@pytest.fixture(scope="module")
def person(new_person: Callable[[], Person]) -> Person:
    """Return a person with two projects: the environment of `one` needs Bundle/1, that of `two` Bundle/2."""
    person = new_person()
    for name, module in (("one", "Bundle/1"), ("two", "Bundle/2")):
        root = person.home / "projects" / name
        root.mkdir(parents=True)
        person.stackenv("create", f"env-{name}", "-m", module, "--shared", str(root))
    return person


@pytest.fixture
def project(person: Person) -> Iterator[Path]:
    """Return the folder of the projects; whatever a test adds to it is removed afterwards."""
    projects = person.home / "projects"
    yield projects
    for other in projects.iterdir():
        if other.name not in ("one", "two"):
            shutil.rmtree(other)


def ask(person: Person, *words: str) -> dict[str, list[dict[str, object]]]:
    return read_result(person.stackenv("site", "report", *words, "--json").stdout)


def test_dependents_are_found_by_full_name_by_name_and_by_pattern(person: Person, project: Path) -> None:
    root = ("--root", str(project))
    (found,) = ask(person, "Bundle/1", *root)["found"]
    assert found["record_written"].startswith(time.strftime("%Y-%m-%dT", time.gmtime()))
    assert (found["owner"], found["module"], found["depends_on"]) == ("root", "env-one/1.0", ["Bundle/1"])
    assert [f["module"] for f in ask(person, "Bundle", *root)["found"]] == ["env-one/1.0", "env-two/1.0"]
    assert [f["module"] for f in ask(person, "*/2", *root)["found"]] == ["env-two/1.0"]
    # Modules that were loaded as dependencies are found, too.
    assert {f["indirect"][0].split("/")[0] for f in ask(person, "Python", *root)["found"]} == {"Python"}
    assert [f["module"] for f in ask(person, "Python", *root)["found"]] == ["env-one/1.0", "env-two/1.0"]
    assert ask(person, "Bundle/9", *root)["found"] == []


def test_a_folder_reached_by_several_paths_is_counted_once(person: Person, project: Path) -> None:
    (project / "link").symlink_to("one")
    roots = ("--root", str(project / "one"), "--root", str(project), "--root", str(project / "link"))
    assert [f["module"] for f in ask(person, "Bundle/1", *roots)["found"]] == ["env-one/1.0"]
    (project / "link").unlink()


def test_the_report_is_a_table_or_a_list_of_owners(person: Person, project: Path) -> None:
    done = person.stackenv("site", "report", "Bundle/1", "--root", str(project / "one"))
    assert read_table(done.stdout)[0][:3] == ["root", "env-one/1.0", "Bundle/1"]
    assert "1 of " in done.stderr and "depend on Bundle/1" in done.stderr
    assert person.stackenv("site", "report", "Bundle", "--root", str(project), "--owners").stdout == "root\n"


def test_unreadable_folders_are_listed_with_the_reason(person: Person, project: Path) -> None:
    closed = project / "one/modules/env-one"
    open_way_to(project / "one")
    closed.chmod(0)
    try:
        done = subprocess.run(
            [
                *("setpriv", "--reuid", "4711", "--regid", "4711", "--clear-groups"),
                *(COMMAND, "site", "report", "Bundle", "--root", str(project), "--json"),
            ],
            env={**person.environ, "HOME": "/"},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        closed.chmod(0o755)
    if done.returncode in (126, 127):
        pytest.skip("another user cannot run the command of this checkout")
    assert done.returncode == 0, done.stderr
    unread = read_result(done.stdout)["unread"]
    assert {"path": str(closed), "problem": "Permission denied"} in unread


def test_links_pipes_and_escape_sequences_of_users_are_harmless(person: Person, project: Path) -> None:
    folder = project / "evil/modules/evil"
    folder.mkdir(parents=True)
    modulefile = project / "one/modules/env-one/1.0.lua"
    text = modulefile.read_text()
    secret = person.home / "secret"
    secret.write_text("secret words\n")
    for name, target in (("link", secret), ("fifo", None), ("dev", Path("/dev/zero"))):
        prefix = project / f"evil/{name}"
        (prefix / "stackenv").mkdir(parents=True)
        record = prefix / "stackenv/record.json"
        os.mkfifo(record) if target is None else record.symlink_to(target)
        (folder / f"{name}.lua").write_text(text.replace(str(project / "one/venvs/env-one-1.0"), str(prefix)))
    os.mkfifo(folder / "waits.lua")
    (folder / "away.lua").symlink_to(secret)
    (project / "evil/esc/stackenv").mkdir(parents=True)
    theirs = json.loads((project / "one/venvs/env-one-1.0/stackenv/record.json").read_text())
    theirs["path"] = "/x\x1b]0;owned\x07"
    (project / "evil/esc/stackenv/record.json").write_text(json.dumps(theirs))
    (folder / "esc.lua").write_text(
        text.replace(str(project / "one/venvs/env-one-1.0"), str(project / "evil/esc"))
    )
    done = person.stackenv("site", "report", "Bundle", "--root", str(project))
    assert "secret" not in done.stdout + done.stderr and "\x1b" not in done.stdout + done.stderr
    assert "evil/esc" in done.stdout
    told = ask(person, "Bundle", "--root", str(project))
    assert len(told["unread"]) >= 5 and told["counts"]["unread"] == len(told["unread"])


def test_only_modulefiles_and_records_are_read_and_nothing_is_written(
    person: Person, project: Path, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    subprocess.run(
        [
            # -y: print the paths of file descriptors.
            *("strace", "-f", "-y", "-qq", "-e", "trace=open,openat,openat2,creat,execve", "-o", str(trace)),
            *(COMMAND, "site", "report", "Bundle", "--root", str(project)),
        ],
        env=person.environ,
        capture_output=True,
        check=True,
    )
    lines = trace.read_text().splitlines()
    opened = [line for line in lines if re.search(r" = \d+<", line) and "O_PATH" not in line]
    found = {match.group(1) for line in opened for match in [re.search(r" = \d+<(.*)>$", line)] if match}
    files = {path for path in found if path.startswith(f"{person.home}/") and Path(path).is_file()}
    assert files == {
        *(str(project / f"{n}/modules/env-{n}/1.0.lua") for n in ("one", "two")),
        *(str(project / f"{n}/venvs/env-{n}-1.0/stackenv/record.json") for n in ("one", "two")),
    }
    # No process is started but the command itself: the script, and the Python that it becomes.
    started = re.findall(r'(?m)^\d+ +execve\("([^"]+)".* = 0$', "\n".join(lines))
    assert started[0] == str(COMMAND) and {Path(path).name for path in started[1:]} <= {"python", "python3"}
    assert not [line for line in opened if "O_WRONLY" in line or "O_RDWR" in line]


def plant(project: Path, name: str, record: str) -> None:
    """Write a module `name` with the text `record` as its record into the project `planted`."""
    text = (project / "one/modules/env-one/1.0.lua").read_text()
    prefix, modulefile = project / "planted" / name, project / "planted/modules" / name / "1.lua"
    for folder in (prefix / "stackenv", modulefile.parent):
        folder.mkdir(parents=True, exist_ok=True)
    (prefix / "stackenv/record.json").write_text(record)
    modulefile.write_text(text.replace(str(project / "one/venvs/env-one-1.0"), str(prefix)))


def test_a_link_is_followed_only_if_root_owns_it(person: Person, project: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can give a link to another user")
    roots = project / "roots"
    roots.mkdir()
    for name in ("theirs", "ours"):
        (roots / name).mkdir()
        (roots / name / "modules").symlink_to(project / "one/modules")
    os.chown(roots / "theirs/modules", 4711, 4711, follow_symlinks=False)
    told = ask(person, "Bundle", "--root", str(roots))
    assert [Path(f["modulefile"]).parts[-4] for f in told["found"]] == ["ours"]
    assert told["unread"] == [
        {"path": str(roots / "theirs/modules"), "problem": "modules is a link, which is not followed"}
    ]
    # A record behind a link that a user has made is not opened.
    record = json.loads((project / "one/venvs/env-one-1.0/stackenv/record.json").read_text())
    plant(project, "behind", json.dumps(record))
    real = project / "planted/behind/stackenv"
    real.rename(project / "planted/elsewhere")
    real.symlink_to(project / "planted/elsewhere")
    os.chown(real, 4711, 4711, follow_symlinks=False)
    told = ask(person, "Bundle", "--root", str(project / "planted"))
    assert (told["found"], [u["problem"] for u in told["unread"]]) == (
        [],
        ["stackenv is a link, which is not followed"],
    )


def test_invalid_records_are_counted_and_do_not_slow_down_the_report(person: Person, project: Path) -> None:
    good = json.loads((project / "one/venvs/env-one-1.0/stackenv/record.json").read_text())
    plant(project, "digits", json.dumps(good)[:-1] + ', "x": ' + "9" * 3_000_000 + "}")
    plant(project, "deep", "[" * 500_000)
    plant(project, "letters", json.dumps({**good, "modules": "Bundle/1"}))
    plant(project, "numbers", json.dumps({**good, "stack": [1, 2]}))
    plant(project, "many", json.dumps({**good, "stack": ["Bundle/1"] * 5000}))
    plant(project, "later", json.dumps({**good, "record_version": 99}))
    plant(project, "list", "[]")
    plant(project, "good", json.dumps(good))
    with (project / "planted/list/stackenv/record.json").open("w") as stream:
        stream.truncate(1 << 34)
    begun = time.monotonic()
    told = ask(person, "Bundle", "--root", str(project / "planted"))
    assert time.monotonic() - begun < 10
    assert [f["module"] for f in told["found"]] == ["good/1"]
    assert len(told["unread"]) == 7


def test_the_root_option_is_required_if_other_users_folders_are_unknown(
    person: Person, project: Path
) -> None:
    configuration = person.home / "site.yaml"
    configuration.write_text("version: 1\npersonal: {modules: '${WORKSPACE}/my modules'}\n")
    environ = {"STACKENV_SITE_CONFIG": str(configuration)}
    refused = person.stackenv("site", "report", "Bundle", status=1, **environ)
    assert "the value of WORKSPACE for other users is not known" in refused.stderr
    assert "--root FOLDER" in refused.stderr
    (project / "other").mkdir()
    shutil.copytree(project / "one/modules", project / "other/my modules")
    done = person.stackenv("site", "report", "Bundle/1", "--root", str(project), "--owners", **environ)
    assert done.stdout == "root\n" and "only the folders of --root were searched" in done.stderr


def test_owners_with_json_is_refused_and_an_empty_report_is_not_an_error(
    person: Person, project: Path
) -> None:
    assert (
        "cannot be combined" in person.stackenv("site", "report", "X", "--owners", "--json", status=2).stderr
    )
    done = person.stackenv("site", "report", "Nothing/1", "--root", str(project))
    assert done.stdout == "" and "0 of " in done.stderr
