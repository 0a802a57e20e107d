"""`stackenv site install` and `uninstall` for a conda not installed by EasyBuild, and what they must keep.

What the module does is tested in test_cycle.py and test_storage.py, with the marker `site_install`.
"""

from __future__ import annotations

import fcntl
import json
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
from copied_installations import COMMAND, copy_bare_installation, copy_installation
from waiting_lmod import make_waiting_lmod

from stackenv.conda.install import FROZEN_MESSAGE
from stackenv.modulefile.text import OURS_BEGINS

VERSION = "24.7.1-2"
# Root without the right to ignore file modes, like any other owner of an installation.
AS_BUILD_USER = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
INIT = Path(LMOD).parents[1] / "init/bash"
FAILING = """\
{% extends "stackenv/conda.lua.j2" %}
{% block notices %}
error("this site's own block fails")
{% endblock %}
"""


@dataclass(frozen=True)
class Place:
    """A bare Miniforge3 in `root`, and the path of its modulefile."""

    root: Path
    modulefile: Path
    version: str = VERSION

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
        name = [*("--name", "Miniforge3", "--version", self.version)] if verb == "install" else []
        words = ["--root", str(self.root), "--modulefile", str(self.modulefile), "--config", str(config)]
        return [COMMAND, "site", verb, *name, *words, *options]

    def tree(self) -> dict[str, tuple[int, bytes]]:
        """Return modes and contents of the installation and the folder of modules, without shared files."""
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


def test_uninstall_removes_exactly_what_install_wrote(place: Place) -> None:
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
    place.modulefile.parent.mkdir(exist_ok=True)
    place.modulefile.parent.rmdir()
    assert place.tree() == before
    again = place.run("uninstall")
    assert again.returncode == 1 and "was not written" in again.stderr


def test_shared_files_are_removed_only_with_the_last_module(place: Place) -> None:
    newer = Place(place.root, place.modulefile.with_name("24.9.lua"), "24.9")
    assert place.run("install").returncode == newer.run("install").returncode == 0
    done = place.run("uninstall")
    assert (
        done.returncode == 0
        and f"keep stackenv's files in {place.root}, which {newer.modulefile} needs" in done.stderr
    )
    script = (
        f". {INIT}; module use {place.modulefile.parents[1]}; module load Miniforge3; conda activate base"
    )
    loaded = subprocess.run(
        ["bash", "--norc", "--noprofile", "-c", f"{script}; echo $?"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(place.root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (loaded.stdout, loaded.stderr) == ("0\n", "")
    assert newer.run("uninstall").returncode == 0
    assert not (place.root / "libexec").exists()


def test_uninstall_with_a_mistyped_modulefile_removes_nothing(place: Place) -> None:
    assert place.run("install").returncode == 0
    before = place.tree()
    done = Place(place.root, place.modulefile.with_name("24.7.1.lua")).run("uninstall")
    assert done.returncode == 1 and f"choose --modulefile from {place.modulefile}" in done.stderr
    assert place.tree() == before


@pytest.fixture
def hooked(built_modules: BuiltModules, tmp_path: Path) -> Place:
    """A Miniforge3 with the files that the hooks wrote into it, and without a modulefile."""
    root = tmp_path / "miniforge3"
    copy_installation(Path(built_modules.software, built_modules.miniforge), root)
    (tmp_path / "modules").mkdir()
    return Place(root, tmp_path / "modules/Miniforge3" / f"{VERSION}.lua")


@pytest.fixture
def text(built_modules: BuiltModules, hooked: Place) -> str:
    """The text of its modulefile, as EasyBuild wrote it with the hooks."""
    source = Path(built_modules.modulepath, f"{built_modules.miniforge}.lua").read_text()
    return source.replace(str(Path(built_modules.software, built_modules.miniforge)), str(hooked.root))


def test_an_installation_set_up_by_the_hooks_is_refused(hooked: Place) -> None:
    before = hooked.tree()
    done = hooked.run("install")
    assert done.returncode == 9 and "was already set up by the EasyBuild hooks" in done.stderr
    done = hooked.run("uninstall")
    assert done.returncode == 1 and f"{hooked.modulefile} not found; nothing was changed" in done.stderr
    assert hooked.tree() == before


@pytest.mark.parametrize("name", [f"{VERSION}.lua", f".{VERSION}.lua"], ids=["itself", "a hidden one"])
def test_files_of_the_hooks_are_kept_while_a_modulefile_needs_them(
    hooked: Place, text: str, name: str
) -> None:
    hooked.modulefile.parent.mkdir()
    hooked.modulefile.write_text(text.split(OURS_BEGINS)[0])
    needing = hooked.modulefile.with_name(name)
    needing.write_text(text)
    before = hooked.tree()
    done = hooked.run("uninstall")
    assert done.returncode == 1
    assert f"{needing} still needs the files that stackenv's hooks wrote; nothing was changed" in done.stderr
    assert "eb --module-only --force" in done.stderr
    assert hooked.tree() == before


def test_files_of_the_hooks_are_kept_if_the_modulefile_points_elsewhere(hooked: Place, text: str) -> None:
    hooked.modulefile.parent.mkdir()
    hooked.modulefile.write_text(text.split(OURS_BEGINS)[0].replace(str(hooked.root), f"{hooked.root}-2"))
    before = hooked.tree()
    done = hooked.run("uninstall")
    assert done.returncode == 1
    assert f"{hooked.modulefile} does not point to {hooked.root}; nothing was changed" in done.stderr
    assert hooked.tree() == before


def test_a_build_user_can_remove_files_of_the_hooks_from_a_read_only_installation(
    hooked: Place, text: str
) -> None:
    hooked.modulefile.parent.mkdir()
    hooked.modulefile.write_text(text.split(OURS_BEGINS)[0])
    # EasyBuild's backup of a modulefile that it replaced.
    hooked.modulefile.with_name(f"{VERSION}.bak_20261130035806_1").write_text(text)
    (hooked.root / "condarc.d/own.yml").write_text("channel_priority: strict\n")
    mark = hooked.root / "conda-meta/frozen"
    mark.write_text(json.dumps({"message": FROZEN_MESSAGE}))
    folders = [
        path for path in (hooked.root, *hooked.root.rglob("*")) if path.is_dir() and not path.is_symlink()
    ]
    for folder in folders:
        folder.chmod(0o555)
    before = hooked.tree()
    try:
        done = subprocess.run(
            [*AS_BUILD_USER, *hooked.command("uninstall")],
            env={**os.environ, "LMOD_CMD": LMOD},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        after = hooked.tree()
    finally:
        for folder in folders:
            if folder.exists():
                folder.chmod(0o755)
    gone = {str(Path(path).relative_to(hooked.root)) for path in before.keys() - after.keys()}
    outside = {path for path in gone if not path.startswith("libexec/stackenv/")}
    assert outside - {"pip.conf"} == {
        *("libexec", "libexec/stackenv", "condarc.d/stackenv.yml", "conda-meta/frozen")
    }
    # Everything else is unchanged, including its modes.
    assert after == {path: entry for path, entry in before.items() if path in after}
    assert str(hooked.modulefile) in after


@pytest.mark.parametrize("umask", [0o077, 0o027, 0o002])
def test_installed_files_are_readable_by_all_users_with_any_umask(place: Place, umask: int) -> None:
    command = ["sh", "-c", f'umask {umask:o}; exec "$@"', "sh", *place.command("install")]
    done = subprocess.run(
        command, env={**os.environ, "LMOD_CMD": LMOD}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    ours = [
        place.modulefile,
        place.modulefile.parent,
        *(place.root / "libexec").rglob("*"),
        place.root / "libexec",
    ]
    ours += [place.root / "condarc.d", place.root / "condarc.d/stackenv.yml"]
    assert [path for path in ours if path.stat().st_mode & 0o044 != 0o044] == []
    assert [path for path in ours if path.is_dir() and path.stat().st_mode & 0o055 != 0o055] == []


def test_install_keeps_the_package_cache(place: Place) -> None:
    (place.root / "pkgs").unlink()
    (place.root / "pkgs/kept").mkdir(parents=True)
    assert place.run("install").returncode == 0
    assert (place.root / "pkgs/kept").is_dir()


def test_a_dry_run_changes_nothing(place: Place) -> None:
    before = place.tree()
    done = place.run("install", "--dry-run")
    assert done.returncode == 0 and f"write the modulefile {place.modulefile}" in done.stdout
    assert place.tree() == before


def test_a_failed_load_test_leaves_everything_unchanged(place: Place, tmp_path: Path) -> None:
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
    assert done.returncode == 6 and "failed its load test" in done.stderr
    assert place.tree() == before
    # A module that is in use is kept unchanged, too.
    assert place.run("install").returncode == 0
    (place.root / "libexec/stackenv/stackenv_condarc.py").write_text("# of an older stackenv\n")
    before = place.tree()
    assert place.run("install", config=failing).returncode == 6
    assert place.tree() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["libexec/stackenv/activation.py", "condarc.d/stackenv.yml"])
def test_an_interrupted_install_undoes_all_changes(
    place: Place, tmp_path: Path, number: int, moment: str
) -> None:
    before = place.tree()
    command = [sys.executable, *place.command("install")]
    environ = {**os.environ, "LMOD_CMD": make_waiting_lmod(tmp_path)}
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
        while not (place.root / moment).exists():
            assert process.poll() is None
            time.sleep(0.001)
        process.send_signal(number)
        assert "all changes were undone" in process.communicate()[1]
        assert process.returncode == 128 + number
    assert place.tree() == before


def test_a_late_signal_leaves_a_complete_installation_or_none(place: Place) -> None:
    command = [sys.executable, *place.command("install")]
    with subprocess.Popen(
        command, env={**os.environ, "LMOD_CMD": LMOD}, stderr=subprocess.DEVNULL
    ) as process:
        while not place.modulefile.exists() and process.poll() is None:
            pass
        process.send_signal(signal.SIGTERM)
        process.wait()
    # Complete or not at all: files without their modulefile, or a modulefile without its files, are useless.
    assert place.modulefile.exists() == (place.root / "libexec/stackenv/activation.py").exists()
    # Once it is complete, a signal may end the command before its last line.
    assert place.modulefile.exists() == (process.returncode in (0, -signal.SIGTERM))
    assert not list(place.modulefile.parent.glob(".*")) and not (place.root / ".stackenv-new").exists()


def test_a_second_install_at_the_same_time_is_refused(place: Place) -> None:
    descriptor = os.open(place.root, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        before = place.tree()
        done = place.run("install")
        assert done.returncode == 8, done.stderr
        assert "another `stackenv site install` or `uninstall` is running" in done.stderr
        assert place.tree() == before
    finally:
        os.close(descriptor)


def test_leftovers_of_a_killed_install_are_removed(place: Place) -> None:
    assert place.run("install").returncode == 0
    whole = place.tree()
    # As if it had been killed between its two renames.
    (place.root / "libexec/stackenv").rename(place.root / "libexec/stackenv.old")
    (place.root / ".stackenv-new").mkdir()
    (place.root / ".stackenv-new/activation.py").touch()
    os.link(place.modulefile, place.modulefile.with_name(f".{VERSION}.lua.stackenv-kept"))
    assert place.run("install").returncode == 0
    assert place.tree().keys() == whole.keys()


@pytest.mark.parametrize("kind", ["of others", "of the hooks", "a link", "a folder"])
def test_a_modulefile_not_written_by_site_install_is_kept(
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
        assert done.returncode == 9 and "was not written by `stackenv site install`" in done.stderr, (
            done.stderr
        )
        assert ("eb --hooks=" in done.stderr) == (kind in ("of the hooks", "a link"))
    assert place.tree() == before


def test_an_unusable_conda_or_a_wrong_modulefile_name_is_refused(place: Place, tmp_path: Path) -> None:
    before = place.tree()
    (place.root / "bin/conda").rename(place.root / "bin/conda-away")
    done = place.run("install")
    assert done.returncode == 5 and "is not a usable conda installation" in done.stderr
    (place.root / "bin/conda-away").rename(place.root / "bin/conda")
    for modulefile, right in (
        (f"Miniforge3/{VERSION}-rc.lua", f"{tmp_path}/modules/Miniforge3/{VERSION}.lua"),
        (f"conda/{VERSION}.lua", f"{tmp_path}/modules/conda/Miniforge3/{VERSION}.lua"),
    ):
        done = Place(place.root, tmp_path / "modules" / modulefile).run("install")
        assert done.returncode == 2 and done.stderr.endswith(f"hint: --modulefile {right}\n"), done.stderr
    assert place.tree() == before


def test_uninstall_refuses_the_module_of_another_installation(place: Place, tmp_path: Path) -> None:
    assert place.run("install").returncode == 0
    other = Place(tmp_path / "other", tmp_path / "more/Miniforge3" / f"{VERSION}.lua")
    copy_bare_installation(place.root, other.root)
    assert other.run("install").returncode == 0
    before = place.tree()
    done = Place(other.root, place.modulefile).run("uninstall")
    assert (
        done.returncode == 1
        and f"{place.modulefile} was not written by `stackenv site install` for {other.root}" in done.stderr
    )
    assert place.tree() == before


def test_a_prefix_on_a_read_only_mount_is_refused(place: Place) -> None:
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
    assert f"{place.root} is on a read-only file system; nothing was changed" in done.stderr
    assert place.tree() == before


@pytest.mark.parametrize("killed", [False, True], ids=["at once", "after a kill"])
def test_folder_modes_of_a_read_only_prefix_are_restored(place: Place, tmp_path: Path, killed: bool) -> None:
    folders = [
        place.root,
        *(path for path in place.root.iterdir() if path.is_dir() and not path.is_symlink()),
    ]
    for folder in folders:
        folder.chmod(0o555)
    try:
        if killed:
            command = place.command("install")
            environ = {**os.environ, "LMOD_CMD": make_waiting_lmod(tmp_path)}
            with subprocess.Popen(
                command, env=environ, stderr=subprocess.DEVNULL, start_new_session=True
            ) as process:
                while not (place.root / "libexec/stackenv/activation.py").exists():
                    assert process.poll() is None
                    time.sleep(0.001)
                os.killpg(process.pid, signal.SIGKILL)
            assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o555, 0o755}
        assert place.run("install").returncode == 0
        assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o555}
        assert not list(place.root.glob(".stackenv-*"))
    finally:
        for folder in folders:
            folder.chmod(0o755)
