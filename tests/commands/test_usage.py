"""`stackenv usage`: which folders it finds, how much they occupy, and of which limits."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from answers import read_result
from occupied import fill, fill_home, make_conda, measure, run_on_terminal, write_configuration
from people import COMMAND, Person
from terminals import read_table

from stackenv.disk.usage_tables import draw_bars
from stackenv.output import format_bytes

NOBODY = 74023


def test_folders_of_each_kind_are_found(person: Person) -> None:
    person.create("biopy", "tiny-own")
    fill_home(person)
    subprocess.run(
        ["/usr/bin/env", "python3", "-m", "venv", "--without-pip", person.home / "venvs/bare"], check=True
    )
    places = {(p["category"], p["name"]) for p in measure(person)["places"]}
    assert places == {
        ("environment", "biopy/1.0"),
        ("environment", "~/venvs/bare"),
        ("environment", "~/conda/envs/genes"),
        ("environment", "~/old/place"),
        ("conda-packages", "~/conda/pkgs"),
        ("pip-cache", "~/.cache/pip"),
        ("jupyter", "~/.local/share/jupyter"),
        ("local", "~/.local"),
    }


def test_the_total_equals_that_of_du(person: Person) -> None:
    person.create("biopy", "tiny-own")
    fill_home(person)
    found = measure(person)
    roots = [place["path"] for place in found["places"]]
    for key, option in (("size_bytes", "-B1"), ("file_count", "--inodes")):
        done = subprocess.run(["du", "-sc", option, *roots], capture_output=True, text=True, check=True)
        assert found["total"][key] == int(done.stdout.splitlines()[-1].split()[0])


def test_files_shared_with_the_package_cache_are_counted_separately(person: Person) -> None:
    fill_home(person)
    shared = {p["name"]: p["shared_file_count"] for p in measure(person)["places"] if p["shared_file_count"]}
    assert shared == {"~/conda/pkgs": 8, "~/conda/envs/genes": 8, "~/old/place": 5}


@pytest.mark.parametrize(("order", "first"), [("bytes", "~/large"), ("files", "~/many")])
def test_the_largest_folder_is_first(person: Person, order: str, first: str) -> None:
    fill(person.home / "large", 1, 500_000)
    fill(person.home / "many", 30, 10)
    changes = {"CONDA_PKGS_DIRS": f"{person.home}/large,{person.home}/many"}
    assert measure(person, "--sort", order, **changes)["places"][0]["name"] == first


def test_caches_are_found_by_variables_and_configuration_files(person: Person) -> None:
    home = person.home
    for name in ("a/pip", "b/uv", "c/pkgs", "d/envs", "e/jupyter", "base"):
        fill(home / name, 1)
    make_conda(home / "d/envs/named", [])
    (home / ".condarc").write_text("pkgs_dirs: [~/c/pkgs]\nenvs_dirs:\n  - $HOME/d/envs\n")
    (home / ".config/pip").mkdir(parents=True)
    (home / ".config/pip/pip.conf").write_text("[global]\ncache-dir = ~/a/pip\n")
    changes = {
        "UV_CACHE_DIR": f"{home}/b/uv",
        "JUPYTER_DATA_DIR": f"{home}/e/jupyter",
        "PYTHONUSERBASE": f"{home}/base",
    }
    places = {(p["category"], p["name"]) for p in measure(person, **changes)["places"]}
    assert places == {
        ("pip-cache", "~/a/pip"),
        ("uv-cache", "~/b/uv"),
        ("conda-packages", "~/c/pkgs"),
        ("environment", "~/d/envs/named"),
        ("jupyter", "~/e/jupyter"),
        ("local", "~/base"),
    }
    pip = measure(person, **changes, PIP_CACHE_DIR=f"{home}/b/uv")["places"]
    assert ("pip-cache", "~/b/uv") in {(p["category"], p["name"]) for p in pip}


def test_a_broken_condarc_is_ignored(person: Person) -> None:
    fill_home(person)
    expected = measure(person)
    (person.home / ".condarc").write_text("pkgs_dirs: [\n")
    assert measure(person)["total"] == expected["total"]


def test_usage_of_a_project_lists_its_environments(person: Person) -> None:
    project = person.home / "project"
    project.mkdir()
    person.create("common", "--shared", str(project))
    found = measure(person, "--shared", str(project))
    assert [(p["category"], p["name"]) for p in found["places"]] == [("environment", "common/1.0")]
    # A conda environment left over in the project is listed, too.
    make_conda(project / "envs/old", [])
    found = measure(person, "--shared", str(project))
    assert [p["name"] for p in found["places"]] == ["common/1.0", str(project / "envs/old")]


def test_usage_changes_nothing(person: Person) -> None:
    person.create("biopy")
    fill_home(person)
    before = person.tree()
    person.stackenv("usage")
    assert person.tree() == before


def test_an_empty_account_gets_a_hint_to_create_an_environment(person: Person) -> None:
    done = person.stackenv("usage")
    assert done.stdout == ""
    assert "to create an environment: stackenv create NAME" in done.stderr


def test_a_pipe_gets_titles_and_units(person: Person) -> None:
    fill_home(person)
    changes = write_configuration(person, 'limits: [{path: "${HOME}", files: 1000}]\n')
    places, limits = person.stackenv("usage", **changes).stdout.split("\n\n")
    assert places.split()[:4] == ["KIND", "NAME", "SIZE", "SHARED"]
    rows, found = read_table(places), measure(person, **changes)
    assert [row[1] for row in rows[:-1]] == [place["name"] for place in found["places"]]
    assert [row[2] for row in rows[:-1]] == [format_bytes(place["size_bytes"]) for place in found["places"]]
    total = found["total"]
    assert rows[-1] == ["total", format_bytes(total["size_bytes"]), f"{total['file_count']:,}"]
    share = f"{total['file_count']:,} ({total['file_count'] / 10:.1f}%)"
    assert read_table(limits) == [[str(person.home), "files", share, "-", "1,000"]]


def test_a_terminal_shows_bars_units_and_percentages(person: Person) -> None:
    fill_home(person)
    changes = write_configuration(person, 'limits: [{path: "${HOME}", bytes: 1 MB, files: 1 k}]\n')
    shown = run_on_terminal(person, "usage", **changes)
    assert "█" * 20 in shown
    assert "kB" in shown
    total = measure(person)["total"]
    assert f"({total['file_count'] / 10:.1f}%)" in shown
    assert f"({total['size_bytes'] / 10_000:.1f}%)" in shown


def test_no_color_removes_colours_and_a_narrow_terminal_the_bars(person: Person) -> None:
    fill_home(person)
    shown = run_on_terminal(person, "usage", columns=60, NO_COLOR="1")
    assert "█" not in shown
    assert "\x1b[1m" not in shown
    assert "\x1b[3" not in shown
    assert "total" in shown


def test_bars_use_hash_signs_if_blocks_cannot_be_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "120")
    assert draw_bars([10, 1, 0]) == [("#" * 20,), ("##",), ("",)]


def test_unreadable_folders_are_counted_and_reported(person: Person) -> None:
    if os.geteuid() or not shutil.which("setpriv"):
        pytest.skip("to become another user takes root and setpriv")
    # Other users have no access to the temporary folders of pytest.
    with tempfile.TemporaryDirectory(prefix="stackenv-usage-") as folder:
        home = Path(folder, "home")
        fill(home / ".local/open", 2)
        fill(home / ".local/closed", 3)
        for path in (Path(folder), *Path(folder).rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        (home / ".local/closed").chmod(0)
        become = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
        done = subprocess.run(
            [*become, "--bounding-set=-all", COMMAND, "usage", "--json"],
            env={**person.environ, "HOME": str(home), "TMPDIR": folder},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    (place,) = read_result(done.stdout)["places"]
    assert (place["name"], place["file_count"], place["unreadable_count"]) == ("~/.local", 5, 1)
    assert "1 file or folder not counted, because unreadable" in done.stderr
