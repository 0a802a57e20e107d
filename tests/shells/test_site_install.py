"""`stackenv site install` and `uninstall`: a conda that no EasyBuild has installed, and what must stay.

What the module does then is in test_cycle.py and test_storage.py, with the marker `site_install`.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from built import LMOD, WORK, BuiltModules
from copied_installations import COMMAND, copy_bare_installation

VERSION = "24.7.1-2"
FAILING = """\
{% extends "stackenv/conda.lua.j2" %}
{% block notices %}
error("this site's own block fails")
{% endblock %}
"""


@dataclass(frozen=True)
class Place:
    """A bare Miniforge3 in `root`, and where its modulefile goes."""

    root: Path
    modulefile: Path

    def run(
        self, verb: str, *options: str, config: Path = WORK / "built/site.yaml"
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(verb, *options, config=config),
            env={**os.environ, "LMOD_CMD": LMOD},
            capture_output=True,
            text=True,
            check=False,
        )

    def command(self, verb: str, *options: str, config: Path = WORK / "built/site.yaml") -> list[str]:
        name = [*("--name", "Miniforge3", "--version", VERSION)] if verb == "install" else []
        words = ["--root", str(self.root), "--modulefile", str(self.modulefile), "--config", str(config)]
        return [COMMAND, "site", verb, *name, *words, *options]

    def tree(self) -> dict[str, tuple[int, bytes]]:
        """Return all that is in the installation, and in the folder of modules, but what is shared."""
        return {
            str(path): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
            for top in (self.root, self.modulefile.parents[1])
            for path in sorted(top.rglob("*"))
            if not path.is_symlink() and "__pycache__" not in path.parts
        }


@pytest.fixture
def place(built_modules: BuiltModules, tmp_path: Path) -> Place:
    root = tmp_path / "miniforge3"
    copy_bare_installation(Path(built_modules.software, built_modules.miniforge), root)
    (tmp_path / "modules").mkdir()
    return Place(root, tmp_path / "modules/Miniforge3" / f"{VERSION}.lua")


def test_uninstall_takes_out_what_install_has_written_and_nothing_else(place: Place) -> None:
    before = place.tree()
    done = place.run("install")
    assert done.returncode == 0, done.stderr
    assert "load test passed in bash" in done.stderr
    own = place.root / "condarc.d/own.yml"
    own.write_text("channel_priority: strict\n")
    assert place.run("install").returncode == 0
    shown = place.run("uninstall", "--dry-run").stdout.splitlines()
    assert shown[0] == f"remove {place.modulefile}" and own.exists() and place.modulefile.exists()
    assert place.run("uninstall").returncode == 0
    assert own.read_text() == "channel_priority: strict\n"
    own.unlink()
    own.parent.rmdir()
    assert place.tree() == before
    again = place.run("uninstall")
    assert again.returncode == 1 and "nothing of stackenv is in" in again.stderr


def test_a_dry_run_changes_nothing(place: Place) -> None:
    before = place.tree()
    done = place.run("install", "--dry-run")
    assert done.returncode == 0 and f"write the modulefile {place.modulefile}" in done.stdout
    assert place.tree() == before


def test_what_fails_leaves_all_as_it_was(place: Place, tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/conda.lua.j2").write_text(FAILING)
    failing = tmp_path / "failing.yaml"
    failing.write_text(
        (WORK / "built/site.yaml")
        .read_text()
        .replace("conda:", f"conda:\n  templates: {tmp_path}/templates", 1)
    )
    before = place.tree()
    done = place.run("install", config=failing)
    assert done.returncode == 6 and "it failed its load test" in done.stderr
    assert place.tree() == before
    # One that is in use stays as it is, too.
    assert place.run("install").returncode == 0
    (place.root / "libexec/stackenv/stackenv_condarc.py").write_text("# of an older stackenv\n")
    before = place.tree()
    assert place.run("install", config=failing).returncode == 6
    assert place.tree() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_all_is_as_it_was(place: Place, number: int) -> None:
    before = place.tree()
    command = [sys.executable, *place.command("install")]
    with subprocess.Popen(
        command, env={**os.environ, "LMOD_CMD": LMOD}, stderr=subprocess.DEVNULL
    ) as process:
        while not (place.root / "libexec/stackenv/activation.py").exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait() in (128 + number, -number)
    assert place.tree() == before


def test_two_at_once(place: Place) -> None:
    with (place.root / ".stackenv-install.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        before = place.tree()
        done = place.run("install")
        assert done.returncode == 8, done.stderr
        assert "another `stackenv site install` or `uninstall` is at work" in done.stderr
        assert place.tree() == before
    # A lock that a killed one has left is nobody's.
    assert place.run("install").returncode == 0
    assert not (place.root / ".stackenv-install.lock").exists()


@pytest.mark.parametrize("kind", ["of others", "of the hooks", "a link", "a folder"])
def test_a_modulefile_that_it_did_not_write_stays(
    place: Place, built_modules: BuiltModules, tmp_path: Path, kind: str
) -> None:
    place.modulefile.parent.mkdir()
    built = Path(built_modules.modulepath, f"{built_modules.miniforge}.lua")
    if kind == "of others":
        place.modulefile.write_text("-- mine\n")
    elif kind == "of the hooks":
        shutil.copy(built, place.modulefile)
    elif kind == "a link":
        place.modulefile.symlink_to(built)
    else:
        place.modulefile.mkdir()
    before = place.tree()
    for verb in ("install", "uninstall"):
        done = place.run(verb)
        assert done.returncode == 9 and "has written: it is left alone" in done.stderr, done.stderr
        assert ("eb --hooks=" in done.stderr) == (kind in ("of the hooks", "a link"))
    assert place.tree() == before


def test_what_is_no_conda_or_has_another_name(place: Place, tmp_path: Path) -> None:
    before = place.tree()
    (place.root / "bin/conda").rename(place.root / "bin/mamba")
    done = place.run("install")
    assert done.returncode == 5 and "is no conda installation that can be used" in done.stderr
    (place.root / "bin/mamba").rename(place.root / "bin/conda")
    for modulefile, right in (
        (f"Miniforge3/{VERSION}-rc.lua", f"{tmp_path}/modules/Miniforge3/{VERSION}.lua"),
        (f"conda/{VERSION}.lua", f"{tmp_path}/modules/conda/Miniforge3/{VERSION}.lua"),
    ):
        done = Place(place.root, tmp_path / "modules" / modulefile).run("install")
        assert done.returncode == 2 and done.stderr.endswith(f"hint: --modulefile {right}\n"), done.stderr
    assert place.tree() == before


def test_the_module_of_another_installation_stays(place: Place, tmp_path: Path) -> None:
    assert place.run("install").returncode == 0
    shutil.copytree(place.root, tmp_path / "other", symlinks=True)
    before = place.tree()
    done = Place(tmp_path / "other", place.modulefile).run("uninstall")
    assert done.returncode == 1 and "leads to another installation than" in done.stderr
    assert place.tree() == before


def test_a_prefix_on_a_read_only_mount_is_refused_at_once(place: Place) -> None:
    script = f'mount --bind {place.root} {place.root} && mount -o remount,bind,ro {place.root} && exec "$@"'
    before = place.tree()
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", *place.command("install")],
        env={**os.environ, "LMOD_CMD": LMOD},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert f"{place.root} cannot be written; nothing was changed" in done.stderr
    assert place.tree() == before


def test_a_prefix_without_write_permission_gets_its_modes_back(place: Place) -> None:
    folders = [
        place.root,
        *(path for path in place.root.iterdir() if path.is_dir() and not path.is_symlink()),
    ]
    for folder in folders:
        folder.chmod(0o555)
    try:
        assert place.run("install").returncode == 0
        assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o555}
    finally:
        for folder in folders:
            folder.chmod(0o755)
