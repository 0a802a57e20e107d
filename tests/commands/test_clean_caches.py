"""`stackenv clean`: the caches of pip, wherever they are, and downloaded models, which are kept."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import pytest
from answers import read_result
from leftovers import show
from occupied import fill, write_configuration
from packaging.version import Version
from people import Person

# pip names cached files by hashes (pip/_internal/cache.py, pip/_internal/network/cache.py).
WHEEL = f"wheels/ab/cd/ef/{'0' * 50}/tiny-1.0-py3-none-any.whl"
HTTP = f"a/b/c/d/e/abcde{'0' * 51}"


def cache_wheel(folder: Path) -> Path:
    """Put a wheel into the pip cache `folder` as pip does; return its path."""
    wheel = folder / WHEEL
    wheel.parent.mkdir(parents=True)
    wheel.write_bytes(b"x" * 100_000)
    return wheel


def test_current_and_former_pip_caches_are_emptied(person: Person) -> None:
    changes = {
        **write_configuration(person, 'caches: {pip: [{parent: "${WORKSPACE}", folder: pip}]}\n'),
        **{"WORKSPACE": f"{person.home}/ws", "PIP_CACHE_DIR": f"{person.home}/now", "PIP_NO_CACHE_DIR": "1"},
    }
    folders = [person.home / name for name in ("now", ".cache/pip", "ws/pip")]
    wheels = [cache_wheel(folder) for folder in folders]
    found = show(person, **changes)
    assert [(item["category"], item["kept_reason"]) for item in found] == [("pip-cache", "")] * 3
    assert [item["paths"] for item in found] == [[f"{folder}/wheels"] for folder in folders]
    assert all(item["size_bytes"] >= 100_000 for item in found)
    person.stackenv("clean", "--yes", **changes)
    assert not any(wheel.exists() for wheel in wheels)
    # Only folders are left.
    assert show(person, **changes) == []


def test_foreign_files_in_the_pip_cache_folder_are_kept(person: Person) -> None:
    wheel = cache_wheel(person.home / "mine")
    results = person.home / "mine/results.csv"
    results.write_text("of a night")
    person.stackenv("clean", "--yes", PIP_CACHE_DIR=f"{person.home}/mine")
    assert results.read_text() == "of a night" and not wheel.exists()


@pytest.mark.parametrize(
    "name", ["wheels/mine-1.0-py3-none-any.whl", "http/server.conf", "http-v2/a/b/c/d/e/server.conf"]
)
def test_a_pip_cache_is_kept_while_pip_would_delete_foreign_files(person: Person, name: str) -> None:
    wheel = cache_wheel(person.home / "data")
    mine = person.home / "data" / name
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_text("of a night")
    named = {"PIP_CACHE_DIR": f"{person.home}/data"}
    (item,) = show(person, **named)
    assert item["kept_reason"].startswith(
        f"pip would also delete a file that it did not create: move {mine} elsewhere"
    )
    person.stackenv("clean", "--yes", **named)
    assert mine.exists() and wheel.exists()
    mine.unlink()
    person.stackenv("clean", "--yes", **named)
    assert not wheel.exists()


class Index(http.server.SimpleHTTPRequestHandler):
    """A package index whose responses may be cached."""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "max-age=600")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_a_cache_filled_by_a_real_pip_is_emptied(person: Person, tmp_path: Path) -> None:
    project, cache = tmp_path / "index/mine", person.home / ".cache/pip"
    project.mkdir(parents=True)
    with tarfile.open(project / "mine-1.0.tar.gz", "w:gz") as archive:
        for name, text in (
            ("setup.py", "from setuptools import setup; setup(name='mine', version='1.0')"),
            ("PKG-INFO", "Metadata-Version: 1.0\nName: mine\nVersion: 1.0\n"),
        ):
            (tmp_path / name).write_text(text)
            archive.add(tmp_path / name, f"mine-1.0/{name}")
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Index, directory=str(project.parent))
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host = f"127.0.0.1:{server.server_port}"
        words = ["-m", "pip", "install", "-q", "--no-build-isolation", "--no-deps", "--cache-dir", str(cache)]
        # Without --trusted-host, pip does not cache responses received without TLS.
        words += ["--index-url", f"http://{host}/", "--trusted-host", host]
        words += ["--target", f"{tmp_path}/to", "mine==1.0"]
        subprocess.run([sys.executable, *words], check=True, env={**os.environ, "PIP_NO_INDEX": "0"})
        server.shutdown()
    assert next(cache.glob("wheels/**/*.whl")) and next(cache.glob("http*/**/*"))
    (item,) = show(person)
    assert item["kept_reason"] == "" and len(item["paths"]) == 2
    person.stackenv("clean", "--yes")
    assert show(person) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="to give a file away takes root")
def test_a_pip_cache_with_files_of_another_user_is_kept(person: Person) -> None:
    wheel = cache_wheel(person.home / "shared")
    os.chown(wheel, 4711, -1)
    changes = {"PIP_CACHE_DIR": f"{person.home}/shared"}
    (item,) = show(person, **changes)
    assert item["kept_reason"].startswith("4711 also has files in it")
    person.stackenv("clean", "--yes", **changes)
    assert wheel.exists()
    os.chown(person.home / "shared", 4711, -1)
    assert show(person, **changes) == []


def test_the_http_cache_of_newer_pips_is_emptied_only_by_pip_23_3_or_newer(person: Person) -> None:
    file = person.home / ".cache/pip/http-v2" / HTTP
    file.parent.mkdir(parents=True)
    file.write_text("x")
    (item,) = show(person)
    (command,) = item["steps"]
    version = subprocess.run(
        [command.split()[0], "-m", "pip", "--version"], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    person.stackenv("clean", "--yes")
    if Version(version) >= Version("23.3"):
        assert item["kept_reason"] == "" and not file.exists()
    else:
        assert (
            item["kept_reason"].startswith(f"pip {version} cannot empty it (this requires 23.3)")
            and file.exists()
        )
        # Even if its command is run, that pip does not remove the file.
        subprocess.run(["sh", "-c", command], check=True, env=person.environ)
        assert file.exists()


# Files as the tools create them: huggingface.co/docs/hub (local-cache), huggingface.co/docs/datasets (cache),
# docs.pytorch.org/docs (hub).
DOWNLOADS = {
    "huggingface": {
        "hub/models--tiny/blobs": "0",
        "hub/.locks/models--tiny": "0.lock",
        "datasets/me___tiny/default/0.0.0/0": "dataset_info.json",
        f"datasets/downloads/extracted/{'0' * 64}": "train.csv",
        "xet/https___server-0/chunk-cache": "0",
    },
    "torch": {"hub/checkpoints": "tiny-0123abcd.pth", "hub/me_vision_main": "hubconf.py"},
}


def download(tool: str, cache: Path) -> None:
    """Put into `cache` what `tool` leaves there after a download."""
    for folder, name in DOWNLOADS[tool].items():
        (cache / folder).mkdir(parents=True, exist_ok=True)
        (cache / folder / name).write_bytes(b"x" * 1_000_000)


@pytest.mark.parametrize("tool", DOWNLOADS)
def test_downloaded_models_are_kept_and_listed_with_size_and_command(person: Person, tool: str) -> None:
    cache = person.home / ".cache" / tool
    download(tool, cache)
    token = cache / "token"
    if tool == "huggingface":
        token.write_text("hf_secret")
    (item,) = show(person)
    assert (item["category"], item["steps"]) == (f"{tool}-cache", [])
    assert item["size_bytes"] >= 1_000_000 * (4 if tool == "huggingface" else 2)
    before = person.tree()
    done = person.stackenv("clean", "--yes")
    assert "MB): it may not be possible to download it again here" in done.stderr
    assert person.tree() == before
    # The suggested command removes the downloads, but not the token.
    subprocess.run(["sh", "-c", item["kept_reason"].rpartition(": ")[2]], check=True)
    assert show(person) == []
    if tool == "huggingface":
        assert token.read_text() == "hf_secret"


@pytest.mark.parametrize("place", ["work", ""])
@pytest.mark.parametrize(
    ("variable", "tool", "count"),
    [
        ("HF_HOME", "huggingface", 4),
        ("TORCH_HOME", "torch", 2),
        ("TORCH_HOME", "huggingface", 0),
    ],
)
def test_the_users_own_files_beside_downloaded_models_are_never_removed(
    person: Person, variable: str, tool: str, count: int, place: str
) -> None:
    folder = person.home / place
    for name in ("hub/mine", "hub/my_own_clone/.git", "hub/checkpoints", "hub/models--mine/src", "thesis"):
        fill(folder / name, 1)
    (folder / "hub/my_own_clone/hubconf.py").touch()
    for name in ("mine", "mine/default/old", "prepared/0.0.0", "downloads", "saved/staging"):
        fill(folder / "datasets" / name, 1)
    named = {variable: str(folder)}
    assert show(person, **named) == []
    # Downloads beside the user's files are found, and the suggested command removes only those.
    for mixed in ("hub/checkpoints", "datasets/downloads"):
        shutil.rmtree(folder / mixed)
    own = set(person.tree())
    download(tool, folder)
    found = show(person, **named)
    assert sum(len(item["paths"]) for item in found) == count
    for item in found:
        subprocess.run(["sh", "-c", item["kept_reason"].rpartition(": ")[2]], check=True)
    assert own <= set(person.tree()) and show(person, **named) == []


def test_model_caches_set_by_the_site_are_listed_once(person: Person) -> None:
    folder = person.home / "ws/models"
    download("huggingface", folder)
    (person.home / ".cache/huggingface").mkdir(parents=True)
    (person.home / ".cache/huggingface/token").write_text("hf_secret")
    changes = {
        **write_configuration(person, 'caches: {huggingface: [{parent: "${WORKSPACE}", folder: models}]}\n'),
        **{"WORKSPACE": f"{person.home}/ws", "HF_HUB_CACHE": f"{folder}/hub", "HF_HOME": str(folder)},
    }
    places = [place for item in show(person, **changes) for place in item["paths"]]
    names = ("datasets/downloads", "datasets/me___tiny", "hub/models--tiny", "xet/https___server-0")
    assert sorted(places) == [f"{folder}/{name}" for name in names]


def test_no_caches_are_cleaned_for_a_shared_project(person: Person) -> None:
    (person.home / "project").mkdir()
    cache_wheel(person.home / ".cache/pip")
    download("torch", person.home / ".cache/torch")
    done = person.stackenv("clean", "--json", "--shared", str(person.home / "project"))
    assert read_result(done.stdout) == []
