"""`stackenv clean` on real caches of uv: uv removes what it does not use, and nothing else is removed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
from answers import read_result
from stacked import Stack
from terminals import open_terminal
from users import STACKENV, User, make_user
from uvs import UVS
from wheels import make_wheel

WITHOUT_UV = "/usr/bin:/bin"
NOW = "uv-cache"


@pytest.fixture(params=UVS)
def cached(request: pytest.FixtureRequest, tmp_path: Path, one_stack: Stack) -> User:
    """Return a user with one real uv, the environment `it`, and a cache of which uv uses a large part."""
    user = make_user(tmp_path, one_stack)
    user.environ["PATH"] = f"{UVS[request.param]}:{WITHOUT_UV}"
    install(user, "first")
    # The same file name again, as when a project is rebuilt: the archive of the first build becomes unused.
    install(user, "second")
    time.sleep(0.01)
    install(user, "second", again=True)
    # As an older uv leaves it, and as `uv run` of a script does.
    (user.home.parent / NOW / "wheels-v0/index/old").mkdir(parents=True)
    (user.home.parent / NOW / "wheels-v0/index/old/file").write_text("x" * 5000)
    run(user, "uv", "run", "--no-project", "--with", "first", "python", "-c", "import first")
    return user


def pack_sources(folder: Path, number: int) -> Path:
    """Return a source archive that always has the same name, and another content for each `number`."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "sources"\nversion = "1.0"\n[tool.setuptools]\npy-modules = ["sources"]\n'
    )
    (folder / "sources.py").write_text(f"NUMBER = {number}\n")
    archive = folder.parent / "sources-1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(folder, "sources-1.0")
    return archive


def run(user: User, *words: str, **changes: str) -> str:
    done = subprocess.run(
        words,
        env={**user.environ, **changes},
        cwd=user.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


def install(user: User, name: str, again: bool = False, **changes: str) -> None:
    """Install a wheel with uv into the user's environment ~/venvs/it, which is created if it is missing."""
    wheel = make_wheel(user.home.parent / "wheels", name, "1.0")
    os.utime(wheel, ns=(time.time_ns(), time.time_ns()))
    user.environ["UV_FIND_LINKS"] = f"{wheel.parent},{user.stack.wheels}"
    install_file(user, wheel, again, **changes)


def install_file(user: User, file: Path, again: bool, **changes: str) -> None:
    venv = user.home / "venvs/it"
    if not venv.exists():
        run(user, "uv", "venv", "--python", "/usr/bin/python3", str(venv))
    words = ("--reinstall",) if again else ()
    run(user, "uv", "pip", "install", *words, "--python", f"{venv}/bin/python", str(file), **changes)


def list_tree(folder: Path) -> list[str]:
    """Return all paths below `folder` with times, without the lock that uv makes when it reads a cache."""
    below = (path for path in folder.rglob("*") if path.name != ".lock")
    return sorted(f"{path.relative_to(folder)} {path.lstat().st_mtime_ns}" for path in below)


def show(user: User, **changes: str) -> list[dict[str, Any]]:
    done = user.stackenv("clean", "--json", **changes)
    assert done.returncode == 0, done.stderr
    return [item for item in read_result(done.stdout) if item["category"] == "uv-cache"]


def clean(user: User, **changes: str) -> str:
    done = user.stackenv("clean", "--yes", **changes)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_the_listed_paths_are_those_that_uv_removes(cached: User) -> None:
    for number in (1, 2):
        install_file(cached, pack_sources(cached.home.parent / f"sources-{number}", number), again=True)
    cache = cached.home.parent / NOW
    before = list_tree(cache)
    (item,) = show(cached)
    assert list_tree(cache) == before
    assert item["kept_reason"] == "" and "uv cache prune" in item["steps"][0]
    kinds = {Path(place).relative_to(cache).parts[0].rpartition("-")[0] for place in item["paths"]}
    assert {"archive", "environments", "wheels", "sdists"} <= kinds
    removed = list(cache.rglob("*"))
    environment = list_tree(cached.home / "venvs/it")
    clean(cached)
    shown = [Path(place) for place in item["paths"]]
    removed = [path for path in removed if not os.path.lexists(path) and path.name != ".lock"]
    assert set(shown) <= set(removed)
    assert all(any(path == top or top in path.parents for top in shown) for path in removed)
    assert show(cached) == []
    # The environment is unchanged, and uv can still use the rest of the cache.
    assert list_tree(cached.home / "venvs/it") == environment
    run(cached, f"{cached.home}/venvs/it/bin/python", "-c", "import first, second, sources")
    run(
        cached,
        "uv",
        "pip",
        "install",
        "--offline",
        "--reinstall",
        "--python",
        f"{cached.home}/venvs/it",
        "first",
    )


def test_a_cache_that_uv_no_longer_uses_is_left_to_the_user(cached: User) -> None:
    left = cached.home / ".cache/uv"
    left.parent.mkdir()
    (cached.home.parent / NOW).rename(left)
    # The default cache is in use as long as no setting names another.
    del cached.environ["UV_CACHE_DIR"]
    (item,) = show(cached)
    assert item["paths"] != [str(left)] and "uv cache prune" in item["steps"][0]
    # As one job or the site's module sets it.
    now = {"UV_CACHE_DIR": f"{cached.home}/elsewhere", "UV_NO_CACHE": "1"}
    clean(cached, **now)
    # The links of the older uv are absolute: the moved cache loses its archives.
    assert next(left.glob("wheels-*/*"))
    (item,) = show(cached, **now)
    assert item["paths"] == [str(left)] and item["steps"] == []
    assert f"uv now uses the cache in {cached.home}/elsewhere" in item["kept_reason"]
    subprocess.run(["sh", "-c", item["kept_reason"].rpartition(": ")[2]], check=True, env=cached.environ)
    # The newest uv does not remove its lock.
    assert not [path for path in left.rglob("*") if path.name != ".lock"]
    assert show(cached, **now) == []
    run(cached, f"{cached.home}/venvs/it/bin/python", "-c", "import first, second")


@pytest.mark.any_value("cached")
def test_a_cache_that_only_uv_toml_names_is_left_to_the_user(cached: User) -> None:
    configured = cached.home / "mine"
    (cached.home.parent / NOW).rename(configured)
    (cached.home / ".config/uv").mkdir(parents=True)
    (cached.home / ".config/uv/uv.toml").write_text(f'cache-dir = "{configured}"\n')
    clean(cached)
    assert next(configured.glob("wheels-*/*"))
    (item,) = show(cached)
    assert item["paths"] == [str(configured)] and item["steps"] == []


@pytest.mark.any_value("cached")
def test_deleting_a_cache_is_not_suggested_while_something_needs_it(cached: User) -> None:
    now = {"UV_CACHE_DIR": f"{cached.home}/elsewhere"}
    left = cached.home / ".cache/uv"
    left.parent.mkdir()
    (cached.home.parent / NOW).rename(left)
    (left / "results.csv").write_text("of a night")
    (item,) = show(cached, **now)
    assert "results.csv" in item["kept_reason"] and "cache clean" not in item["kept_reason"]
    (left / "results.csv").unlink()
    # The site's module makes uv use this cache, even while the module is not loaded.
    site_file = cached.home / "site.yaml"
    site_file.write_text(
        'version: 1\npersonal: {environments: ["${HOME}/venvs"]}\n'
        'caches: {uv: [{parent: "${HOME}", folder: .cache/uv}]}\n'
    )
    (item,) = show(cached, **now, STACKENV_SITE_CONFIG=str(site_file))
    assert "uv cache prune" in item["steps"][0]


@pytest.mark.parametrize("name", ["archive-v90", "results-v2", "archive-v91"])
@pytest.mark.any_value("cached")
def test_a_folder_unknown_to_this_uv_keeps_the_cache(cached: User, name: str) -> None:
    cache = cached.home.parent / NOW
    file = cache / name / "file"
    file.parent.mkdir()
    file.write_text("of a newer uv, or of a night")
    (item,) = show(cached)
    assert f"does not know {cache}/{name} and would delete it" in item["kept_reason"]
    clean(cached)
    assert file.exists() and next(cache.glob("environments-*/*"))
    shutil.rmtree(file.parent)
    clean(cached)
    assert show(cached) == []


def test_folders_of_older_uvs_are_listed_even_without_newer_ones(cached: User) -> None:
    cache = cached.home.parent / NOW
    for name in ("built-wheels-v3", "flat-index-v0"):
        (cache / name / "pypi").mkdir(parents=True)
    (item,) = show(cached)
    assert item["kept_reason"] == ""
    assert {f"{cache}/built-wheels-v3", f"{cache}/flat-index-v0"} <= set(item["paths"])


def test_a_cache_behind_a_link_is_pruned_and_the_link_is_kept(cached: User) -> None:
    elsewhere = cached.home / "elsewhere/uv"
    elsewhere.parent.mkdir()
    (cached.home.parent / NOW).rename(elsewhere)
    (cached.home / ".cache").mkdir()
    (cached.home / ".cache/uv").symlink_to(elsewhere)
    # Without the module, uv uses the link again.
    (item,) = show(cached)
    assert "uv cache prune" in item["steps"][0]
    clean(cached)
    assert show(cached) == []
    del cached.environ["UV_CACHE_DIR"]
    install(cached, "third")
    assert (cached.home / ".cache/uv").is_symlink() and next(elsewhere.glob("archive-*/*"))


@pytest.mark.any_value("cached")
def test_a_file_not_created_by_uv_keeps_the_cache(cached: User) -> None:
    cache = cached.home.parent / NOW
    mine = cache / "results.csv"
    mine.write_text("of a night")
    (item,) = show(cached)
    assert item["kept_reason"].startswith(
        f"uv would also delete a file that it did not create: move {mine} elsewhere"
    )
    clean(cached)
    assert mine.read_text() == "of a night"
    # uv follows a link to an environment, and deletes what it leads to.
    data = cached.home / "data"
    data.mkdir()
    mine.rename(data / "results.csv")
    link = next(cache.glob("environments-*")) / "link"
    link.symlink_to(data)
    (item,) = show(cached)
    assert str(link) in item["kept_reason"]
    clean(cached)
    assert (data / "results.csv").read_text() == "of a night"
    link.unlink()
    clean(cached)
    assert show(cached) == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("results.csv", "uv would also delete a file that it did not create"),
        ("archive-v90/of-a-newer-uv", "is new"),
    ],
)
@pytest.mark.any_value("cached")
def test_a_file_added_while_the_prompt_waits_keeps_the_cache(cached: User, name: str, why: str) -> None:
    mine = cached.home.parent / NOW / name
    outer, inner = open_terminal(columns=300)
    with subprocess.Popen(
        [STACKENV, "clean"],
        env=cached.environ,
        cwd=cached.home,
        stdin=inner,
        stdout=inner,
        stderr=subprocess.PIPE,
    ) as process:
        os.close(inner)
        assert process.stderr is not None
        words = b""
        while b"Remove uv-cache" not in words:
            words += os.read(process.stderr.fileno(), 1000)
        mine.parent.mkdir(exist_ok=True)
        mine.write_text("of a night")
        os.write(outer, b"y\n")
        words += process.stderr.read()
    os.close(outer)
    assert process.returncode == 1 and mine.read_text() == "of a night"
    assert "not removed: " in words.decode() and why in words.decode()


@pytest.mark.any_value("cached")
def test_an_environment_of_links_into_the_cache_keeps_the_cache(cached: User) -> None:
    install(cached, "third", UV_LINK_MODE="symlink")
    (item,) = show(cached)
    assert item["kept_reason"] == f"{cached.home}/venvs/it consists of symbolic links into it and would break"
    clean(cached)
    run(cached, f"{cached.home}/venvs/it/bin/python", "-c", "import third")
    shutil.rmtree(cached.home / "venvs/it")
    (item,) = show(cached, UV_LINK_MODE="symlink")
    assert item["kept_reason"].startswith("UV_LINK_MODE is symlink")
    (item,) = show(cached)
    assert item["kept_reason"] == ""
    for place, text in (("uv.toml", "link-mode = 'symlink'"), ("other.toml", '[pip]\nlink-mode = "symlink"')):
        file = cached.home / ".config/uv" / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")
        named = {} if place == "uv.toml" else {"UV_CONFIG_FILE": str(file)}
        (item,) = show(cached, **named)
        assert item["kept_reason"].startswith(f"link-mode is symlink in {file}")


@pytest.mark.any_value("cached")
def test_a_tool_or_active_environment_of_links_keeps_the_cache(cached: User) -> None:
    run(cached, "uv", "tool", "install", "--python", "/usr/bin/python3", "first", UV_LINK_MODE="symlink")
    tool = cached.home / ".local/share/uv/tools/first"
    (item,) = show(cached)
    assert item["kept_reason"] == f"{tool} consists of symbolic links into it and would break"
    project = cached.home / "project/.venv"
    project.parent.mkdir()
    tool.rename(project)
    assert show(cached, VIRTUAL_ENV=str(project))[0]["kept_reason"].startswith(f"{project} consists of")


@pytest.mark.any_value("cached")
def test_a_process_that_runs_from_the_cache_keeps_the_cache(cached: User) -> None:
    script = "import first, time; print('there', flush=True); time.sleep(600)"
    words = ("uv", "run", "--no-project", "--with", "first", "python", "-c", script)
    with subprocess.Popen(
        words, env=cached.environ, cwd=cached.home, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == b"there\n"
            (item,) = show(cached)
        finally:
            os.killpg(process.pid, 9)
    assert item["kept_reason"].startswith("in use on this node by process")


@pytest.mark.any_value("cached")
def test_the_uv_of_a_module_cleans_when_none_is_on_path(cached: User, tmp_path: Path) -> None:
    folder, _, _ = cached.environ["PATH"].partition(":")
    (item,) = show(cached, PATH=WITHOUT_UV)
    assert item["kept_reason"].startswith("no uv was found that can remove it: load its module")
    modulefile = tmp_path / "modulefiles/uv/1.0.lua"
    modulefile.parent.mkdir(parents=True)
    modulefile.write_text(f'prepend_path("PATH", "{folder}")\n')
    changes = {"PATH": WITHOUT_UV, "MODULEPATH": f"{tmp_path}/modulefiles:{cached.environ['MODULEPATH']}"}
    clean(cached, **changes)
    assert show(cached, **changes) == []


def test_a_folder_that_is_not_a_uv_cache_is_ignored(user: User) -> None:
    mine = user.home / "mine"
    mine.mkdir()
    (mine / "results.csv").write_text("of a night")
    assert show(user, UV_CACHE_DIR=str(mine)) == []
    clean(user, UV_CACHE_DIR=str(mine))
    assert (mine / "results.csv").exists()


@pytest.mark.any_value("cached")
def test_a_failing_uv_is_reported_and_the_other_caches_are_cleaned(cached: User, tmp_path: Path) -> None:
    """With a stand-in for uv that fails."""
    broken = tmp_path / "broken/uv"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho 'error: no such thing' >&2\nexit 2\n")
    broken.chmod(0o755)
    wheel = cached.home / f".cache/pip/wheels/ab/cd/ef/{'0' * 50}/tiny-1.0-py3-none-any.whl"
    wheel.parent.mkdir(parents=True)
    wheel.write_text("x")
    said = clean(cached, PATH=f"{broken.parent}:{WITHOUT_UV}")
    assert f"uv: skipped: {broken} did not report what is unused: error: no such thing" in said
    assert not wheel.exists() and next((cached.home.parent / NOW).glob("environments-*/*"))
