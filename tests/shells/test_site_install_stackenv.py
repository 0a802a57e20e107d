"""`stackenv site install --name stackenv` and `uninstall` for a virtual environment, and invalid input."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from built import LMOD
from copied_installations import COMMAND
from dialects import DIALECTS, spare_manual_pages
from in_ci import fail_or_skip
from own_prefix import make_thin_prefix
from terminals import COMPINIT, SHELLS, Terminal
from waiting_lmod import make_waiting_lmod

SITE = "version: 1\nconda:\n  load_test: {shells: [bash, tcsh]}\n"


@dataclass(frozen=True)
class Place:
    """A prefix with stackenv in `root`, and the path of its modulefile."""

    root: Path
    modulefile: Path
    site: Path

    def command(self, verb: str, *options: str) -> list[str]:
        name = ["--name", "stackenv", "--version", self.modulefile.stem] if verb == "install" else []
        words = ["--root", str(self.root), "--modulefile", str(self.modulefile), "--config", str(self.site)]
        return [COMMAND, "site", verb, *name, *words, *options]

    def run(self, verb: str, *options: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*before, *self.command(verb, *options)],
            env={**os.environ, "LMOD_CMD": LMOD},
            capture_output=True,
            text=True,
            check=False,
        )

    def tree(self) -> dict[str, tuple[int, bytes]]:
        return {
            str(path): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
            for top in (self.root, self.modulefile.parents[1])
            for path in sorted(top.rglob("*"))
            if "__pycache__" not in path.parts
        }


@pytest.fixture
def place(tmp_path: Path) -> Place:
    make_thin_prefix(tmp_path / "prefix")
    (tmp_path / "modules").mkdir()
    (tmp_path / "site.yaml").write_text(SITE)
    return Place(tmp_path / "prefix", tmp_path / "modules/stackenv/1.0.lua", tmp_path / "site.yaml")


def load(place: Place, script: str) -> subprocess.CompletedProcess[str]:
    """Load the module in an otherwise empty bash, and run `script` there."""
    module = f'module() {{ eval "$({LMOD} bash "$@")"; }}; module load stackenv'
    environ = {"HOME": str(place.root.parent), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        ["bash", "--norc", "--noprofile", "-c", f"{module}\n{script}"],
        env={**environ, "MODULEPATH": str(place.modulefile.parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )


def test_uninstall_removes_what_install_wrote(place: Place) -> None:
    before = place.tree()
    shown = place.run("install", "--dry-run")
    assert shown.stdout.splitlines() == [
        f"write into {place.root}: the folder libexec/stackenv",
        "load stackenv/1.0 in each of these shells that is installed: bash, tcsh",
        f"write the modulefile {place.modulefile}",
    ]
    assert place.tree() == before
    done = place.run("install")
    assert done.returncode == 0 and "load test passed in bash, tcsh" in done.stderr, done.stderr
    assert "man pages were not written; to add them:" in done.stderr
    again = place.run("install")
    assert again.returncode == 0, again.stderr
    used = load(place, "stackenv --version && stackenv site config > /dev/null; command -v stackenv python")
    version, command, *rest = used.stdout.splitlines()
    assert version.startswith("stackenv, version ") and used.stderr == f"{place.site}:\n"
    # The virtual environment's own bin folder is not on PATH.
    assert command == f"{place.root}/libexec/stackenv/bin/stackenv" and str(place.root) not in "".join(rest)
    assert place.run("uninstall").returncode == 0
    assert place.tree() == before


@pytest.mark.parametrize("shell", list(SHELLS))
def test_tab_completion_works_only_while_the_module_is_loaded(place: Place, shell: str) -> None:
    if not shutil.which(shell) or not shutil.which("setsid"):
        fail_or_skip(f"no {shell}")
    assert place.run("install").returncode == 0
    environ = {"HOME": str(place.root.parent), "PATH": "/usr/bin:/bin", "TERM": "dumb", "LANG": "C.UTF-8"}
    spare_manual_pages(environ)
    environ["MODULEPATH"] = str(place.modulefile.parents[1])
    terminal = Terminal(SHELLS[shell], environ, place.root.parent)
    try:
        lines = (DIALECTS[shell].start(LMOD), *([COMPINIT] if shell == "zsh" else []), "module load stackenv")
        for line in lines:
            terminal.type(line)
        assert "Usage: stackenv site" in terminal.type("stackenv si\t--help")
        terminal.type("module unload stackenv")
        assert "Usage: stackenv site" not in terminal.type("stackenv si\t--help")
    finally:
        terminal.close()


@pytest.mark.parametrize("umask", ["077", "002"])
def test_installed_files_are_usable_by_all_users_with_any_umask(place: Place, umask: str) -> None:
    done = place.run("install", before=("sh", "-c", f'umask {umask}; exec "$@"', "sh"))
    assert done.returncode == 0, done.stderr
    ours = [place.root / "libexec", *(place.root / "libexec").rglob("*")]
    ours += [place.modulefile, place.modulefile.parent]
    assert [path for path in ours if path.stat().st_mode & 0o044 != 0o044] == []
    programs = [path for path in ours if path.is_dir() or path.parent.name == "bin"]
    assert [path for path in programs if path.stat().st_mode & 0o055 != 0o055] == []


def test_an_unreadable_prefix_is_reported_with_the_chmod_that_opens_it(place: Place) -> None:
    packages = next(place.root.glob("lib/python3*/site-packages"))
    packages.chmod(0o700)
    done = place.run("install")
    assert done.returncode == 0 and f"hint: chmod -R a+rX {place.root}\n" in done.stderr, done.stderr
    packages.chmod(0o755)
    assert "users cannot run" not in place.run("install").stderr


def test_a_relative_site_configuration_is_recorded_by_its_absolute_path(place: Place) -> None:
    command = place.command("install")
    command[command.index(str(place.site))] = place.site.name
    environ = {**os.environ, "LMOD_CMD": LMOD}
    subprocess.run(command, env=environ, cwd=place.site.parent, check=True, capture_output=True)
    used = load(place, "cd / && stackenv site config > /dev/null")
    assert used.returncode == 0 and used.stderr == f"{place.site}:\n"


def test_a_site_configuration_linked_into_a_closed_folder_is_reported(place: Place) -> None:
    closed = place.site.with_name("closed")
    closed.mkdir(mode=0o700)
    place.site.rename(closed / "site.yaml")
    place.site.symlink_to(closed / "site.yaml")
    done = place.run("install")
    assert done.returncode == 0 and f" {closed}\n" in done.stderr, done.stderr


def test_zsh_with_ksharrays_loads_and_unloads_the_module(place: Place) -> None:
    assert place.run("install").returncode == 0
    module = f'module() {{ eval "$({LMOD} zsh "$@")"; }}; setopt ksharrays'
    done = subprocess.run(
        ["zsh", "-fic", f"{module}; module load stackenv; module unload stackenv"],
        env={"HOME": "/", "PATH": "/usr/bin:/bin", "MODULEPATH": str(place.modulefile.parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_unreadable_site_configuration_is_reported(place: Place) -> None:
    place.site.chmod(0o600)
    done = place.run("install")
    assert done.returncode == 0
    assert f"users cannot read the site configuration {place.site}" in done.stderr
    assert f"{place.site}\n" in done.stderr.partition("chmod a+rX ")[2]


def test_the_shipped_default_configuration_is_not_recorded_in_the_module(place: Place) -> None:
    command = [word for word in place.command("install") if word not in ("--config", str(place.site))]
    environ = {key: value for key, value in os.environ.items() if key != "STACKENV_SITE_CONFIG"}
    done = subprocess.run(
        command, env={**environ, "LMOD_CMD": LMOD}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "STACKENV_SITE_CONFIG" not in place.modulefile.read_text()


def break_prefix(place: Place, kind: str) -> str:
    """Damage the prefix; return the error that `site install` reports."""
    if kind == "no stackenv":
        (place.root / "bin/stackenv").unlink()
        return f"stackenv is not installed in {place.root}: {place.root}/bin/stackenv not found"
    if kind == "not executable":
        (place.root / "bin/stackenv").chmod(0o644)
        return f"stackenv is not installed in {place.root}: {place.root}/bin/stackenv is not executable"
    if kind == "no venv":
        (place.root / "pyvenv.cfg").unlink()
        return f"{place.root} is not a virtual environment: {place.root}/pyvenv.cfg not found"
    next(place.root.glob("lib/python3*/site-packages/tests.pth")).unlink()
    return f"the stackenv in {place.root} could not write the files for its module: "


def test_an_uninstall_that_fails_halfway_says_what_is_left(place: Place) -> None:
    before = place.tree()
    assert place.run("install").returncode == 0
    libexec = str(place.root / "libexec/stackenv")
    inject = ("-P", libexec, "-e", "inject=rmdir,unlinkat:error=EIO")
    done = place.run("uninstall", before=("strace", "-f", "-qq", "-o", "/dev/null", *inject))
    said = f"error: {libexec} could not be removed: Input/output error; already removed: {place.modulefile}\n"
    assert done.returncode == 1 and done.stderr.startswith(said), done.stderr
    _, _, hint = done.stderr.rstrip().rpartition("hint: to remove the rest: ")
    subprocess.run(["sh", "-c", hint], check=True)
    place.modulefile.parent.rmdir()
    (place.root / "libexec").rmdir()
    assert place.tree() == before


def test_an_uninstall_killed_after_the_modulefile_can_be_repeated(place: Place) -> None:
    before = place.tree()
    assert place.run("install").returncode == 0
    inject = ("-P", str(place.root / "libexec/stackenv"), "-e", "inject=rmdir,unlinkat:signal=KILL")
    killed = place.run("uninstall", before=("strace", "-f", "-qq", "-o", "/dev/null", *inject))
    assert killed.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), killed.stderr
    assert not place.modulefile.exists() and (place.root / "libexec/stackenv").exists()
    done = place.run("uninstall")
    assert (done.returncode, place.tree()) == (0, before), done.stderr


@pytest.mark.parametrize("kind", ["no stackenv", "not executable", "no venv", "no package"])
def test_a_prefix_without_a_working_stackenv_is_refused(place: Place, kind: str) -> None:
    words = break_prefix(place, kind)
    before = place.tree()
    done = place.run("install")
    assert done.returncode == 5 and words in done.stderr, done.stderr
    assert "hint: " in done.stderr and "Traceback" not in done.stderr
    assert place.tree() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_install_undoes_all_changes(place: Place, tmp_path: Path, number: int) -> None:
    before = place.tree()
    command = [sys.executable, *place.command("install")]
    environ = {**os.environ, "LMOD_CMD": make_waiting_lmod(tmp_path)}
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
        # The Python of the prefix writes into this folder.
        while not (place.root / ".stackenv-new").exists():
            assert process.poll() is None
            time.sleep(0.001)
        process.send_signal(number)
        assert "all changes were undone" in process.communicate()[1]
        assert process.returncode == 128 + number
    assert place.tree() == before


def test_a_prefix_whose_python_does_not_start_is_reported(place: Place) -> None:
    (place.root / "bin/python").unlink()
    (place.root / "bin/python").write_text("#!/nonexistent\n")
    (place.root / "bin/python").chmod(0o755)
    before = place.tree()
    done = place.run("install")
    assert done.returncode == 5 and "could not write the files for its module: " in done.stderr, done.stderr
    assert "Traceback" not in done.stderr and place.tree() == before


def test_an_installation_from_the_easyconfig_is_refused(place: Place) -> None:
    (place.root / "pyvenv.cfg").unlink()
    (place.root / "libexec").mkdir()
    (place.root / "libexec/stackenv").write_text("the launcher\n")
    done = place.run("install")
    assert done.returncode == 9 and "eb --hooks=" in done.stderr, done.stderr


def test_a_modulefile_not_written_by_site_install_is_kept(place: Place) -> None:
    place.modulefile.parent.mkdir()
    place.modulefile.write_text("-- of the site\n")
    before = place.tree()
    for verb in ("install", "uninstall"):
        done = place.run(verb)
        assert done.returncode == 9 and "is left unchanged" in done.stderr, done.stderr
    assert place.tree() == before


def test_a_second_install_and_a_read_only_prefix_are_refused(place: Place) -> None:
    before = place.tree()
    descriptor = os.open(place.root, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        done = place.run("install")
        assert done.returncode == 8 and "is running on" in done.stderr, done.stderr
    finally:
        os.close(descriptor)
    script = f'mount --bind {place.root} {place.root} && mount -o remount,bind,ro {place.root} && exec "$@"'
    done = place.run("install", before=("unshare", "--mount", "sh", "-c", script, "sh"))
    assert done.returncode == 1 and "is on a read-only file system; nothing was changed" in done.stderr, (
        done.stderr
    )
    assert place.tree() == before


def test_a_failed_load_test_leaves_everything_unchanged(place: Place, tmp_path: Path) -> None:
    assert place.run("install").returncode == 0
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/stackenv.lua.j2").write_text(
        '{% extends "stackenv/stackenv.lua.j2" %}\n{% block unload %}\nsetenv("LEFT", "1")\n'
        'execute{cmd = "export LEFT=1", modeA = {"unload"}}\n{% endblock %}\n'
    )
    failing = tmp_path / "failing.yaml"
    failing.write_text(SITE.replace("conda:", f"conda:\n  templates: {tmp_path}/templates"))
    before = place.tree()
    done = replace(place, site=failing).run("install")
    assert done.returncode == 6 and "module unload does not restore the environment" in done.stderr, (
        done.stderr
    )
    assert place.tree() == before


def test_render_shows_the_text_that_install_writes(place: Place) -> None:
    assert place.run("install").returncode == 0
    named = ["--name", "stackenv", "--version", "1.0", "--root", str(place.root), "--config", str(place.site)]
    done = subprocess.run([COMMAND, "site", "render", *named], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert place.modulefile.read_text().endswith(f"\n\n{done.stdout}")
