"""Environments that lose files of stackenv: their contents, and the findings of `stackenv check`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "personal"))

from findings import read_findings
from homes import keep_home
from people import Person, Site, make_person
from users import User

from stackenv.environments.added_files import describe_files
from stackenv.record import parse_record


def make_managed(folder: Path, site: Site) -> tuple[Person, Path]:
    """Return a person with three venvs (created, adopted, adopted with --no-pth), and a copy of the home."""
    person = make_person(folder, site)
    person.create("made", "tiny-own==1.0", "--description", "Made", "--allow-shadow", "tiny-new")
    person.adopt("adopted")
    person.adopt("plain", "--no-pth", "--user-site")
    return person, keep_home(person.home)


def describe_tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return the contents and the mode of each file in `folder`."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mode) for path in files}


def check(person: Person | User, *words: str) -> list[dict[str, str]]:
    """Return the findings of `stackenv check`."""
    done = run(person, "check", *words, "--json")
    assert done.stdout, done.stderr
    return read_findings(done.stdout)


def run(person: Person | User, *words: str):
    """Run stackenv and accept any exit status."""
    return person.stackenv(*words, status=None) if isinstance(person, Person) else person.stackenv(*words)


def fix(person: Person | User, name: str) -> None:
    """Fix all findings in `name`, and assert that none is left."""
    done = run(person, "check", name, "--fix", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert check(person, name) == []


def list_own(prefix: Path) -> list[Path]:
    """Return stackenv's files in the environment at `prefix` according to its record, which is the first."""
    record = prefix / "stackenv/record.json"
    files = describe_files(parse_record(record.read_text(), str(record)))
    return [record, *(Path(file.path) for file in files)]


def prefix_of(person: Person, name: str) -> Path:
    return person.home / ("venvs/made-1.0" if name == "made" else f"own/{name}")


def describe_environment(prefix: Path) -> dict[str, tuple[bytes, int]]:
    """Return the files in `prefix`, except the record and files compiled by Python."""
    tree = describe_tree(prefix)
    return {p: v for p, v in tree.items() if "__pycache__" not in p and "record.json" not in p}


def lose_record(prefix: Path, way: str) -> None:
    """Delete the record (with `all`, each file of stackenv), or with `cut` truncate it like a full disk."""
    record, *files = list_own(prefix)
    if way == "cut":
        record.write_text(record.read_text()[:500])
    else:
        record.unlink()
    for file in files if way == "all" else []:
        file.unlink()
