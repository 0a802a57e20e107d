"""The cached site configuration: it equals the file's, and is trusted only if it belongs to the user."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import subprocess
from binascii import crc32
from collections.abc import Iterator
from pathlib import Path

import pytest
from in_ci import fail_or_skip

from stackenv import __version__
from stackenv.configuration import cache
from stackenv.configuration.cache import CACHE_FILE, pack, read_configuration, unpack
from stackenv.configuration.loader import load_configuration
from stackenv.configuration.site_file import SHIPPED_FILE
from stackenv.errors import ConfigurationError
from stackenv.private_cache import LARGEST_BYTES

EVERYTHING = """\
version: 1
conda:
  storage: [{parent: "${WORKSPACE}/x", environments: a/b, packages: p}]
  condarc:
    ssl_verify: false
    remote_read_timeout_secs: 60.5
    proxy_servers: {http: "http://proxy:80", tuple: none, path: {mapping: 1}}
    channel_prioritty: ü
    create_default_packages: [a, [b, 1, null]]
  final: [ssl_verify]
limits: [{path: "/home/${USER}", bytes: 1 TB, command: [/usr/bin/quota, -s]}]
jobs: {header: ["a 'b' \\\\ ü"], time: "1:00:00"}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a site configuration with values of every kind."""
    path = tmp_path / "site.yaml"
    path.write_text(EVERYTHING)
    return path


@pytest.fixture
def environ(tmp_path: Path, site: Path) -> dict[str, str]:
    (tmp_path / "home").mkdir()
    return {"HOME": str(tmp_path / "home"), "STACKENV_SITE_CONFIG": str(site)}


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return a list that grows by each file that is read through the schema."""
    loaded: list[Path] = []

    def load(path: Path):
        loaded.append(path)
        return load_configuration(path)

    monkeypatch.setattr(cache, "load", load)
    return loaded


def cache_of(environ: dict[str, str]) -> Path:
    return Path(environ["HOME"], ".cache", CACHE_FILE)


@pytest.mark.parametrize("path", [SHIPPED_FILE, SHIPPED_FILE.with_name("ubelix.yaml"), None], ids=str)
def test_the_cached_configuration_equals_the_file(path, site, environ, loads):
    environ["STACKENV_SITE_CONFIG"] = str(path or site)
    first, second = read_configuration(environ), read_configuration(environ)
    assert loads == [path or site]
    assert first == second == load_configuration(path or site)
    assert repr(first) == repr(second)


def test_the_cache_is_private_under_any_umask(environ):
    before = os.umask(0o002)
    try:
        read_configuration(environ)
    finally:
        os.umask(before)
    path = cache_of(environ)
    modes = [stat.S_IMODE(place.stat().st_mode) for place in (path, path.parent, path.parent.parent)]
    assert modes == [0o600, 0o700, 0o700]
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_the_cache_follows_xdg_cache_home(environ, tmp_path, loads):
    environ["XDG_CACHE_HOME"] = str(tmp_path / "elsewhere")
    read_configuration(environ)
    read_configuration(environ)
    assert len(loads) == 1 and (tmp_path / "elsewhere" / CACHE_FILE).is_file()
    assert not list(Path(environ["HOME"]).iterdir())


def test_an_edit_that_keeps_size_and_mtime_is_noticed(environ, site, loads):
    before = site.stat()
    assert read_configuration(environ).limits[0].bytes == 10**12
    site.write_text(EVERYTHING.replace("1 TB", "2 TB"))
    os.utime(site, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert read_configuration(environ).limits[0].bytes == 2 * 10**12
    site.write_text("version: 1\nconda: {int: warn}\n")
    with pytest.raises(ConfigurationError):
        read_configuration(environ)
    site.unlink()
    with pytest.raises(ConfigurationError):
        read_configuration(environ)


def test_the_same_text_at_another_path_is_another_configuration(environ, site, tmp_path):
    read_configuration(environ)
    environ["STACKENV_SITE_CONFIG"] = str(site.rename(tmp_path / "other.yaml"))
    assert read_configuration(environ).path == tmp_path / "other.yaml"


def test_the_cache_of_another_stackenv_version_is_ignored(environ, loads):
    read_configuration(environ)
    path = cache_of(environ)
    say(path, lambda said: said["key"].__setitem__(0, f"{__version__}.1"))
    read_configuration(environ)
    assert len(loads) == 2


@pytest.mark.parametrize("source", ["default.yaml", "schema.py", "values.py"])
def test_sources_edited_in_place_invalidate_the_cache(environ, loads, source, tmp_path, monkeypatch):
    # As in a checkout: the modification time of the folder does not change.
    sources = tmp_path / "sources"
    shutil.copytree(Path(cache.__file__).parent, sources)
    shutil.copy(SHIPPED_FILE, sources)
    monkeypatch.setattr(cache, "__file__", str(sources / "cache.py"))
    monkeypatch.setattr(cache, "SHIPPED_FILE", sources / SHIPPED_FILE.name)
    read_configuration(environ)
    read_configuration(environ)
    assert len(loads) == 1
    with (sources / source).open("a") as stream:
        stream.write("# a line\n")
    read_configuration(environ)
    read_configuration(environ)
    assert len(loads) == 2


def test_removed_templates_are_an_error_despite_the_cache(environ, site, tmp_path):
    folder = tmp_path / "templates"
    folder.mkdir()
    site.write_text(f"version: 1\nconda: {{templates: {folder}}}\n")
    assert read_configuration(environ).conda.templates == folder
    assert read_configuration(environ).conda.templates == folder
    folder.rmdir()
    with pytest.raises(ConfigurationError):
        read_configuration(environ)


def say(path: Path, change) -> None:
    said = json.loads(path.read_text())
    change(said)
    path.write_text(json.dumps(said))


def keep(path: Path, value: object) -> None:
    """Replace the whole configuration in the cache at `path` by `value`, with a valid checksum."""
    text = json.dumps(value)
    say(path, lambda said: said.update(configuration=text, crc32=crc32(text.encode())))


def damage(path: Path, old: str, new: str) -> None:
    """Change the text of the configuration in the cache at `path`, with a valid checksum."""
    text = json.loads(path.read_text())["configuration"]
    assert old in text
    keep(path, json.loads(text.replace(old, new, 1)))


BREAKS = {
    "empty": lambda path: path.write_text(""),
    "half": lambda path: path.write_text(path.read_text()[:-9]),
    "no UTF-8": lambda path: path.write_bytes(b"\xff"),
    "a list": lambda path: path.write_text("[]"),
    "deep": lambda path: path.write_text("[" * 100_000),
    "another kind": lambda path: keep(path, {"path": "/a"}),
    "another checksum": lambda path: say(path, lambda said: said.update(crc32=said["crc32"] ^ 1)),
    "an unknown kind": lambda path: keep(path, {"Popen": {}}),
    "a field less": lambda path: damage(path, '"limits"', '"limit"'),
    "a text for a list": lambda path: damage(
        path, '"names": {"tuple": ["Anaconda3"', '"names": {"path": ["A"'
    ),
    "no text": lambda path: say(path, lambda said: said.update(configuration={})),
    "no sum": lambda path: say(path, lambda said: said.pop("crc32")),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "a link": lambda path: path.rename(path.with_name("b")) and path.symlink_to("b"),
    "written by the group": lambda path: path.chmod(0o620),
    "in a folder of everybody": lambda path: path.parent.chmod(0o777),
    "unreadable": lambda path: path.chmod(0),
    "large": lambda path: os.truncate(path, LARGEST_BYTES + 1),
}


@pytest.mark.parametrize("change", BREAKS)
def test_a_cache_that_is_damaged_or_not_private_is_ignored(environ, loads, site, change):
    read_configuration(environ)
    path = cache_of(environ)
    BREAKS[change](path)
    assert read_configuration(environ) == load_configuration(site)
    # root can read files without read permission.
    assert len(loads) == (1 if change == "unreadable" and os.geteuid() == 0 else 2)
    # A cache that is only damaged is written again.
    made_again = change not in ("a folder", "in a folder of everybody")
    read_configuration(environ)
    assert len(loads) == (3 if not made_again else 1 if change == "unreadable" and os.geteuid() == 0 else 2)


@pytest.mark.parametrize("home", [None, "", "relative", "{folder}/missing", "/dev/null"])
def test_the_file_is_read_each_time_without_a_home(environ, home, loads, site, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    environ.pop("HOME")
    environ |= {} if home is None else {"HOME": home.format(folder=tmp_path)}
    assert read_configuration(environ) == read_configuration(environ) == load_configuration(site)
    assert len(loads) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "site.yaml"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
@pytest.mark.parametrize("place", [".", ".cache", ".cache/stackenv", f".cache/{CACHE_FILE}"])
def test_a_cache_file_or_folder_of_another_user_is_not_used(environ, loads, place):
    if place != ".":
        read_configuration(environ)
    path = Path(environ["HOME"], place)
    os.chown(path, 65534, 65534)
    above = cache_of(environ).parent
    before = sorted(above.rglob("*")), cache_of(environ).exists() and cache_of(environ).stat().st_ino
    loads.clear()
    read_configuration(environ)
    read_configuration(environ)
    after = sorted(above.rglob("*")), cache_of(environ).exists() and cache_of(environ).stat().st_ino
    if place == ".cache":
        # The cache file in it still belongs to this user.
        assert (after, loads) == (before, [])
    elif place.endswith(".json"):
        # In the user's own folder, a file of another user is replaced.
        assert len(loads) == 1 and cache_of(environ).stat().st_uid == 0
    else:
        assert after == before and len(loads) == 2


@pytest.fixture
def mounted(request, environ) -> Iterator[Path]:
    """Mount a file system over the home, with the parameter as its options; yield the home."""
    home = environ["HOME"]
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", request.param, "tmpfs", home], capture_output=True, check=False
    )
    if done.returncode:
        message = f"no tmpfs here: {done.stderr.decode()}"
        fail_or_skip(message)
    yield Path(home)
    subprocess.run(["umount", home], check=True)


@pytest.mark.parametrize("mounted", ["ro", "size=16k", "nr_inodes=3"], indirect=True)
def test_a_read_only_or_full_file_system_is_tolerated(environ, site, loads, mounted):
    with contextlib.suppress(OSError):
        (mounted / "full").write_bytes(b"x" * 100_000)
    assert read_configuration(environ) == read_configuration(environ) == load_configuration(site)
    assert len(loads) == 2
    # No incomplete file is left.
    assert [path.name for path in mounted.rglob("*") if not path.is_dir()] in ([], ["full"])


def test_a_packed_configuration_unpacks_to_the_same(site):
    configuration = load_configuration(site)
    assert unpack(json.loads(json.dumps(pack(configuration)))) == configuration
