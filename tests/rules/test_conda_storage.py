"""conda's packages on a different file system from its environments, or where old files are deleted."""

from __future__ import annotations

import subprocess
from pathlib import Path

from built import CHANNEL
from checking import find, find_one
from people import Person

SPLIT, PURGED = "storage-split", "storage-purged"


def count_names(person: Person, conda: Path, name: str, **changes: str) -> int:
    """Create an environment; return the largest number of links of its files, which is 1 for copies."""
    prefix = person.home / "conda/envs" / name
    subprocess.run(
        [
            conda / "bin/conda",
            "create",
            "-y",
            "-q",
            "-p",
            prefix,
            "--override-channels",
            "-c",
            CHANNEL,
            "plain",
        ],
        env={**person.environ, **changes},
        check=True,
        capture_output=True,
    )
    files = [path for path in prefix.rglob("*") if path.is_file() and "conda-meta" not in path.parts]
    assert files
    return max(path.stat().st_nlink for path in files)


def test_conda_packages_on_another_file_system_are_reported(
    person: Person, own_conda: Path, elsewhere: Path
) -> None:
    packages = str(elsewhere / "pkgs")
    (person.home / ".bashrc").write_text(f"export CONDA_PKGS_DIRS={packages}\n")
    found = find_one(person, SPLIT, CONDA_PKGS_DIRS=packages)
    assert found["level"] == "warning"
    assert found["where"].endswith(f"CONDA_PKGS_DIRS ({person.home}/.bashrc:1)")
    assert count_names(person, own_conda, "copied", CONDA_PKGS_DIRS=packages) == 1
    assert find(person, SPLIT) == []
    # With the folder that the site's module sets.
    assert count_names(person, own_conda, "linked", CONDA_PKGS_DIRS=f"{person.home}/conda/pkgs") > 1


def test_conda_environments_on_another_file_system_are_reported(person: Person, elsewhere: Path) -> None:
    found = find_one(person, SPLIT, CONDA_ENVS_PATH=str(elsewhere))
    assert "unset CONDA_ENVS_PATH" in found["hint"]
    both = {"CONDA_ENVS_PATH": str(elsewhere / "envs"), "CONDA_PKGS_DIRS": str(elsewhere / "pkgs")}
    assert find(person, SPLIT, **both) == []


def test_a_variable_that_leads_to_purged_storage_is_reported(person: Person, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    (scratch / "envs").mkdir(parents=True)
    (person.home / "by-link").symlink_to(scratch)
    (person.home / ".zshrc").write_text("export CONDA_ENVS_PATH=~/by-link/envs\n")
    variables = {"SCRATCH": str(scratch), "CONDA_ENVS_PATH": f"{person.home}/by-link/envs"}
    found = find_one(person, PURGED, **variables)
    assert found["where"] == f"CONDA_ENVS_PATH, {person.home}/.zshrc:1"
    assert str(scratch) in found["why"]
    del variables["CONDA_ENVS_PATH"]
    assert find(person, PURGED, **variables) == []


def test_packages_and_environments_on_purged_storage_are_reported(person: Person, own_conda: Path) -> None:
    assert count_names(person, own_conda, "genes", CONDA_PKGS_DIRS=f"{person.home}/conda/pkgs") > 1
    assert find(person, PURGED, SCRATCH="/nowhere") == []
    packages, environment = find(person, PURGED, SCRATCH=f"{person.home}/conda")
    assert packages["where"] == f"{person.home}/conda/pkgs"
    assert environment["where"] == f"{person.home}/conda/envs/genes"
    assert environment["hint"].endswith(f"conda create --clone {person.home}/conda/envs/genes --name genes")
    # If a folder contains more than packages, the hint must not delete it.
    for name in ("results", "thesis.tar.bz2", "cache/results"):
        mine = person.home / "conda/pkgs" / name
        mine.parent.mkdir(exist_ok=True)
        mine.touch()
        found = find(person, PURGED, SCRATCH=f"{person.home}/conda")
        (told,) = (f for f in found if f["where"] == packages["where"])
        assert told["hint"].endswith(f"env CONDA_PKGS_DIRS={packages['where']} stackenv clean")
        mine.unlink()
    subprocess.run(["sh", "-c", packages["hint"].rpartition(": ")[2]], check=True)
    assert len(find(person, PURGED, SCRATCH=f"{person.home}/conda")) == 1
