"""The configuration that was read last: the same as the file's, trusted only where it is the user's own."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

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
    """A site configuration with something of each kind."""
    path = tmp_path / "site.yaml"
    path.write_text(EVERYTHING)
    return path


@pytest.fixture
def environ(tmp_path: Path, site: Path) -> dict[str, str]:
    (tmp_path / "home").mkdir()
    return {"HOME": str(tmp_path / "home"), "STACKENV_SITE_CONFIG": str(site)}


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return a list of the files that are read through the schema, which grows."""
    loaded: list[Path] = []

    def load(path: Path):
        loaded.append(path)
        return load_configuration(path)

    monkeypatch.setattr(cache, "load", load)
    return loaded


def cache_of(environ: dict[str, str]) -> Path:
    return Path(environ["HOME"], ".cache", CACHE_FILE)


@pytest.mark.parametrize("path", [SHIPPED_FILE, SHIPPED_FILE.with_name("ubelix.yaml"), None], ids=str)
def test_what_was_kept_is_what_was_read(path, site, environ, loads):
    environ["STACKENV_SITE_CONFIG"] = str(path or site)
    first, second = read_configuration(environ), read_configuration(environ)
    assert loads == [path or site]
    assert first == second == load_configuration(path or site)
    assert repr(first) == repr(second)


def test_it_is_private_whatever_the_umask(environ):
    before = os.umask(0o002)
    try:
        read_configuration(environ)
    finally:
        os.umask(before)
    path = cache_of(environ)
    modes = [stat.S_IMODE(place.stat().st_mode) for place in (path, path.parent, path.parent.parent)]
    assert modes == [0o600, 0o700, 0o700]
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_the_users_cache_folder_is_obeyed(environ, tmp_path, loads):
    environ["XDG_CACHE_HOME"] = str(tmp_path / "elsewhere")
    read_configuration(environ)
    read_configuration(environ)
    assert len(loads) == 1 and (tmp_path / "elsewhere" / CACHE_FILE).is_file()
    assert not list(Path(environ["HOME"]).iterdir())


def test_a_change_of_the_same_size_and_time_is_seen(environ, site, loads):
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


def test_the_same_text_at_another_place_is_another_configuration(environ, site, tmp_path):
    read_configuration(environ)
    environ["STACKENV_SITE_CONFIG"] = str(site.rename(tmp_path / "other.yaml"))
    assert read_configuration(environ).path == tmp_path / "other.yaml"


@pytest.mark.parametrize("source", [0, 1], ids=["the package", "the shipped file"])
def test_another_stackenv_reads_for_itself(environ, loads, source):
    read_configuration(environ)
    path = cache_of(environ)
    said = json.loads(path.read_text())
    assert said["key"][0] == __version__
    said["key"][1][source][1] -= 1
    path.write_text(json.dumps(said))
    read_configuration(environ)
    assert len(loads) == 2


def test_templates_that_are_gone_are_an_error_as_ever(environ, site, tmp_path):
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


BREAKS = {
    "empty": lambda path: path.write_text(""),
    "half": lambda path: path.write_text(path.read_text()[:-9]),
    "no UTF-8": lambda path: path.write_bytes(b"\xff"),
    "a list": lambda path: path.write_text("[]"),
    "deep": lambda path: path.write_text("[" * 100_000),
    "another kind": lambda path: say(path, lambda said: said.update(configuration={"path": "/a"})),
    "an unknown kind": lambda path: say(path, lambda said: said.update(configuration={"Popen": {}})),
    "a field less": lambda path: say(
        path, lambda said: said["configuration"]["SiteConfiguration"].pop("limits")
    ),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "a link": lambda path: path.rename(path.with_name("b")) and path.symlink_to("b"),
    "written by the group": lambda path: path.chmod(0o620),
    "in a folder of everybody": lambda path: path.parent.chmod(0o777),
    "unreadable": lambda path: path.chmod(0),
    "large": lambda path: os.truncate(path, LARGEST_BYTES + 1),
}


@pytest.mark.parametrize("change", BREAKS)
def test_what_is_broken_or_not_private_is_not_read(environ, loads, site, change):
    read_configuration(environ)
    path = cache_of(environ)
    BREAKS[change](path)
    assert read_configuration(environ) == load_configuration(site)
    # root reads what nobody may.
    assert len(loads) == (1 if change == "unreadable" and os.geteuid() == 0 else 2)
    # What is only broken is made again.
    made_again = change not in ("a folder", "in a folder of everybody")
    read_configuration(environ)
    assert len(loads) == (3 if not made_again else 1 if change == "unreadable" and os.geteuid() == 0 else 2)


@pytest.mark.parametrize("home", [None, "", "relative", "{folder}/missing", "/dev/null"])
def test_without_a_home_the_file_is_read_each_time(environ, home, loads, site, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    environ.pop("HOME")
    environ |= {} if home is None else {"HOME": home.format(folder=tmp_path)}
    assert read_configuration(environ) == read_configuration(environ) == load_configuration(site)
    assert len(loads) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "site.yaml"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
@pytest.mark.parametrize("place", [".", ".cache", ".cache/stackenv", f".cache/{CACHE_FILE}"])
def test_what_is_another_users_is_neither_read_nor_changed(environ, loads, place):
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
        # Its file is this user's all the same.
        assert (after, loads) == (before, [])
    elif place.endswith(".json"):
        # In a folder of one's own, another's file is replaced.
        assert len(loads) == 1 and cache_of(environ).stat().st_uid == 0
    else:
        assert after == before and len(loads) == 2


def test_the_file_system_that_is_full_or_read_only_is_no_matter(environ, loads):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    Path(environ["HOME"]).chmod(0o500)
    read_configuration(environ)
    read_configuration(environ)
    assert len(loads) == 2


def test_whatever_a_part_holds_it_comes_back(site):
    configuration = load_configuration(site)
    assert unpack(json.loads(json.dumps(pack(configuration)))) == configuration
