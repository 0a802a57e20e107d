"""Stubs of a project's shared environment: they belong to the group, whichever member updates them."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Iterator

import pytest
from projects import GROUP, Project, making_project
from stacked import open_stack


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Yield a project in which its owner has created an environment with umask 077."""
    with making_project(lambda folder: open_stack("eb5-pythonpath")) as project:
        bundle = project.owner.stack.bundle_module
        done = project.as_owner(f"module load {bundle}; stackenv create --shared {project.root} tool")
        assert done.returncode == 0, done.stderr
        yield project


def list_stubs(project: Project) -> dict[str, tuple[str, int, int]]:
    """Return the mode, owner and group of the files and folders of stubs, by path in site-packages."""
    (site,) = (project.root / "venvs/tool-1.0").glob("lib/python3*/site-packages")
    found = {}
    for folder in site.glob("*.dist-info"):
        for path in (folder, *folder.iterdir()):
            status = path.lstat()
            found[str(path.relative_to(site))] = (stat.filemode(status.st_mode), status.st_uid, status.st_gid)
    return found


def names(project: Project) -> set[str]:
    return {path for path in list_stubs(project) if "/" not in path}


def require_shared(project: Project) -> None:
    for path, (mode, _, group) in list_stubs(project).items():
        assert group == GROUP and mode in ("drwxrws---", "-rw-rw----"), (path, mode)


def test_a_member_can_refresh_stubs_that_the_owner_created(made: Project) -> None:
    before = names(made)
    assert len(before) > 1
    require_shared(made)
    (site,) = (made.root / "venvs/tool-1.0").glob("lib/python3*/site-packages")
    gone, changed = (site / name for name in sorted(before)[:2])
    shutil.rmtree(gone)
    (changed / "METADATA").write_text("Name: other\nVersion: 1\n")
    found = made.as_member(f"stackenv check tool --shared {made.root}")
    assert f"stackenv edit tool/1.0 --refresh --shared {made.root}" in found.stdout + found.stderr
    done = made.as_member(f"stackenv edit tool --refresh --shared {made.root}")
    assert done.returncode == 0, done.stderr
    assert names(made) == before
    require_shared(made)
    assert "no problems found" in made.as_owner(f"stackenv check tool --shared {made.root}").stdout


def test_a_member_can_turn_stubs_off_and_the_owner_on(made: Project) -> None:
    before = names(made)
    done = made.as_member(f"stackenv edit tool --no-stubs --shared {made.root}")
    assert done.returncode == 0 and names(made) == set(), done.stderr
    done = made.as_owner(f"stackenv edit tool --stubs --shared {made.root}")
    assert done.returncode == 0 and names(made) == before, done.stderr
    require_shared(made)


@pytest.mark.parametrize("words", [("--description", "x"), ("--allow-shadow", "packaging"), ("--refresh",)])
def test_paths_that_a_member_writes_into_the_record_are_ignored(
    made: Project, words: tuple[str, ...]
) -> None:
    """The owner's private files are not copied to where the group reads; nothing is written elsewhere."""
    home = made.owner.home
    secret = home / "secret.dist-info"
    secret.mkdir(exist_ok=True)
    (secret / "METADATA").write_text("Name: numpy\nVersion: 1.25.1\nSummary: secret\n")
    record = made.root / "venvs/tool-1.0/stackenv/record.json"
    data = json.loads(record.read_text())
    before = names(made)
    away = f"1/../../../../../../../{home.relative_to('/')}/away"
    data["stubs"] = [{**stub, "source": str(secret)} for stub in data["stubs"]]
    data["stubs"].append({"name": "evil", "version": away, "source": str(secret)})
    record.write_text(json.dumps(data))
    done = made.as_owner(f"stackenv edit tool {' '.join(words)} --shared {made.root}")
    assert done.returncode == 0, done.stderr
    (site,) = (made.root / "venvs/tool-1.0").glob("lib/python3*/site-packages")
    assert not [path for path in site.glob("*.dist-info/METADATA") if "secret" in path.read_text()]
    assert [path.name for path in home.glob("*.dist-info")] == ["secret.dist-info"]
    made.as_owner(f"stackenv edit tool --refresh --shared {made.root}")
    assert names(made) <= before
