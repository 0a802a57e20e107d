"""Installations that changed after their module was created: conda is asked, and the answer is the same.

The program is started as the shell function `conda` starts it, for `conda activate one` in sh.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from built import CHECKOUT, BuiltModules
from copied_installations import copy_installation, separate_folder, separate_packages
from environments import make_environment

from stackenv.conda.compiled_activation import compile_activation
from stackenv.conda.installation import CondaInstallation
from stackenv.conda.module import describe_installed_files
from stackenv.configuration.loader import load_configuration

COMPILED = "libexec/stackenv/activation.compiled"
HISTORY = "conda-meta/history"
PLUGIN = "[conda]\nlate = late_plugin\n"
WRITING = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND")
# What an activation may open for writing: no file on a disk.
DEVICES = ("/dev/null", "/dev/tty")


@dataclass(frozen=True)
class Installation:
    """The test's own copy of an installation, and a home with the environment `one`."""

    root: Path
    home: Path

    @property
    def packages(self) -> Path:
        return next(self.root.glob("lib/python3*/site-packages"))

    def command(self, *words: str) -> list[str]:
        """Return the command that the sh function `conda` starts for these words."""
        program = self.root / "libexec/stackenv/activation.py"
        return [f"{self.root}/bin/python", "-ISB", str(program), "sh", "base,hide,hide-modules", *words]

    def environ(self) -> dict[str, str]:
        return {
            "HOME": str(self.home),
            "PATH": f"{self.root}/condabin:{self.root}/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "CONDA_ENVS_PATH": f"{self.home}/conda/envs",
            "STACKENV_CONDA_ROOT": str(self.root),
            "STACKENV_CONDA_BEFORE": "clean",
            "STACKENV_PROMPT": "=$ ",
        }

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env=self.environ(), capture_output=True, text=True, check=False)

    def activate(self) -> str:
        """Activate `one`; return the shell code that is printed."""
        done = self.run(self.command("activate", "one"))
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def trace(self, calls: str, *before: str) -> str:
        """Return the system calls of this kind that an activation makes, in all its processes."""
        trace = self.home.parent / "trace"
        strace = ["strace", "-f", "-qq", "-e", f"trace={calls}", "-o", str(trace)]
        done = self.run([*before, *strace, *self.command("activate", "one")])
        assert done.returncode == 0, done.stderr
        return trace.read_text(errors="replace")

    def asks_conda(self, *before: str) -> bool:
        return "/site-packages/conda/" in self.trace("openat", *before)

    def compile(self) -> str:
        """Compile the activation as the hook does; return why conda will be asked, or an empty text."""
        return compile_activation(CondaInstallation("Conda", "Conda/1", str(self.root)), 60)


@pytest.fixture
def installation(built_modules: BuiltModules, tmp_path: Path) -> Installation:
    made = Installation(tmp_path / "root", tmp_path / "home")
    copy_installation(Path(built_modules.software, built_modules.miniconda), made.root)
    make_environment(made.home / "conda/envs/one", "ONE")
    return made


@pytest.fixture
def own_packages(installation: Installation) -> Installation:
    """An installation with its own folder of packages, into which packages can be installed."""
    separate_packages(installation.root)
    assert installation.asks_conda(), "its folder of packages is another one"
    assert installation.compile() == ""
    assert not installation.asks_conda()
    return installation


def append(path: Path) -> None:
    with path.open("a") as stream:
        stream.write("==> 2026-01-01 00:00:00 <==\n# cmd: conda update conda\n")


def touch(path: Path) -> None:
    os.utime(path)


def cut(share: float) -> Callable[[Path], None]:
    """Return a function that cuts a file to this share of its length."""

    def cut_file(path: Path) -> None:
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])

    return cut_file


def put(content: bytes) -> Callable[[Path], None]:
    def put_content(path: Path) -> None:
        path.write_bytes(content)

    return put_content


def compiled_by_another(path: Path) -> None:
    """Make the file look compiled by another Python, which the first line names."""
    _, newline, code = path.read_bytes().partition(b"\n")
    path.write_bytes(b"cpython-39 30911f0" + newline + code)


def flip(share: float) -> Callable[[Path], None]:
    """Return a function that changes one byte of a file, at this share of its length."""

    def flip_byte(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[int(len(content) * share)] ^= 0x5A
        path.write_bytes(content)

    return flip_byte


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


CHANGES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "conda was updated": (HISTORY, append),
    "the history is another file": (HISTORY, touch),
    "the history is gone": (HISTORY, Path.unlink),
    "never compiled": (COMPILED, Path.unlink),
    "compiled by another Python": (COMPILED, compiled_by_another),
    "compiled to a folder": (COMPILED, make_folder),
    "empty": (COMPILED, cut(0)),
    "cut in the first line": (COMPILED, cut(0.0001)),
    "cut in the middle": (COMPILED, cut(0.5)),
    "cut at the end": (COMPILED, cut(0.9999)),
    **{f"a byte changed at {share}": (COMPILED, flip(share)) for share in (0.01, 0.3, 0.62, 0.999)},
    "garbage": (COMPILED, put(b"garbage\n" * 100)),
    "zeros, after a crash": (COMPILED, put(bytes(40000))),
}


def test_an_unchanged_installation_activates_without_asking_conda(installation: Installation) -> None:
    assert not installation.asks_conda()


@pytest.mark.parametrize("name", CHANGES)
def test_conda_is_asked_after_a_change(installation: Installation, name: str) -> None:
    known = installation.activate()
    file, change = CHANGES[name]
    change(installation.root / file)
    assert installation.asks_conda()
    assert installation.activate() == known


def test_conda_is_asked_when_the_compiled_activation_is_unreadable(installation: Installation) -> None:
    (installation.root / COMPILED).chmod(0)
    # Root can read every file unless it gives up these capabilities.
    without = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    assert installation.asks_conda(*without)


def test_an_activation_compiled_from_a_broken_file_is_not_used(installation: Installation) -> None:
    known = installation.activate()
    file = installation.root / "libexec/stackenv/stackenv_put_aside.py"
    text = file.read_text()
    file.write_text(text + "\nno_such_name\n")
    assert installation.compile() == ""
    file.write_text(text)
    assert installation.asks_conda()
    assert installation.activate() == known


def test_activation_works_while_the_hook_replaces_the_other_files(
    installation: Installation, built_modules: BuiltModules
) -> None:
    """They are replaced one by one, in the hook's order; users never import one that is half written."""
    known = installation.activate()
    conda = CondaInstallation("Conda", "Conda/1", str(installation.root))
    settings = load_configuration(CHECKOUT / "site-config/default.yaml")
    files = [Path(file.path) for file in describe_installed_files(conda, settings.conda)]
    programs = [path for path in files if path.suffix == ".py"]
    assert programs[-1].name == "activation.py"
    for path in programs[:-1]:
        path.write_text("raise ImportError('a later version, of which half is there')\n")
        assert installation.activate() == known


def test_a_failed_compilation_removes_the_old_compiled_activation(installation: Installation) -> None:
    (installation.root / "libexec/stackenv/stackenv_condarc.py").write_text("no Python\n")
    assert installation.compile().startswith("activation without conda could not be prepared: ")
    assert not (installation.root / COMPILED).exists()


@pytest.mark.parametrize("change", ["as built", "conda is asked"])
def test_activation_tolerates_a_closed_stderr_or_stdout(installation: Installation, change: str) -> None:
    state = installation.home / "conda/envs/one/conda-meta/state"
    state.write_text('{"env_vars": {"HOME": "/another"}}')
    known = installation.run(installation.command("activate", "one"))
    assert known.stdout and "overwriting" in known.stderr
    if change == "conda is asked":
        (installation.root / COMPILED).unlink()
    closed = installation.run(["sh", "-c", 'exec "$@" 2>&-', "sh", *installation.command("activate", "one")])
    assert (closed.returncode, closed.stdout, closed.stderr) == (0, known.stdout, "")
    closed = installation.run(["sh", "-c", 'exec "$@" >&-', "sh", *installation.command("activate", "one")])
    assert (closed.stdout, closed.stderr) == ("", known.stderr)


def test_a_file_is_read_completely_when_reads_are_short(installation: Installation) -> None:
    """A read may be short on a network file system; it is mocked, because no read from a disk is short."""
    condarc = installation.home / ".condarc"
    condarc.write_text("channels:\n  - conda-forge\nchangeps1: false\n")
    code = (
        "import os, sys; read = os.read; os.read = lambda file, count: read(file, min(count, 7));"
        "sys.path.insert(0, sys.argv[1]); from stackenv_condarc import read_file;"
        "print(read_file(sys.argv[2]), end='')"
    )
    folder = installation.root / "libexec/stackenv"
    done = installation.run(
        [f"{installation.root}/bin/python", "-ISB", "-c", code, str(folder), str(condarc)]
    )
    assert (done.stdout, done.stderr) == (condarc.read_text(), "")


def test_a_copy_with_new_timestamps_asks_conda_until_it_is_recompiled(
    installation: Installation, tmp_path: Path
) -> None:
    copied = tmp_path / "copy"
    shutil.copytree(installation.root, copied, symlinks=True, copy_function=shutil.copyfile)
    for folder in ("bin", "libexec/stackenv/condabin"):
        for path in (copied / folder).iterdir():
            path.chmod(0o755)
    moved = Installation(copied, installation.home)
    assert moved.asks_conda()
    known = moved.activate()
    assert moved.compile() == ""
    assert not moved.asks_conda()
    assert moved.activate() == known
    assert str(copied) in known and f"{installation.root}/" not in known


def test_conda_is_asked_after_a_plugin_is_installed(own_packages: Installation) -> None:
    known = own_packages.activate()
    metadata = own_packages.packages / "late_plugin-1.0.dist-info"
    metadata.mkdir()
    (metadata / "entry_points.txt").write_text(PLUGIN)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: late-plugin\nVersion: 1.0\n")
    (own_packages.packages / "late_plugin.py").write_text("")
    assert own_packages.asks_conda()
    assert own_packages.activate() == known


def test_conda_is_asked_when_its_version_is_untested(own_packages: Installation) -> None:
    known = own_packages.activate()
    package = own_packages.packages / "conda"
    separate_folder(package)
    version = package / "_version.py"
    text = version.read_text()
    version.unlink()
    version.write_text(text.replace("24.7.1", "24.7.2"))
    said = own_packages.compile()
    assert "24.7.2" in said and "24.7.1" in said
    assert own_packages.asks_conda()
    assert own_packages.activate() == known


def describe_files(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Return the modification time, size and inode number of `folder` and of everything in it."""
    found = {}
    for path in (folder, *folder.rglob("*")):
        status = path.lstat()
        found[str(path)] = status.st_mtime_ns, status.st_size, status.st_ino
    return found


@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=pytest.mark.matrix)])
def test_many_activations_at_once_write_nothing(installation: Installation, count: int) -> None:
    folders = (installation.root, installation.home)
    before = [describe_files(folder) for folder in folders]
    processes = [
        subprocess.Popen(
            installation.command("activate", "one"),
            env=installation.environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    with ThreadPoolExecutor(max_workers=count) as pool:
        said = set(pool.map(subprocess.Popen.communicate, processes))
    assert said == {(installation.activate(), "")}
    assert {process.returncode for process in processes} == {0}
    assert [describe_files(folder) for folder in folders] == before


def test_an_activation_opens_nothing_for_writing_and_takes_no_lock(installation: Installation) -> None:
    calls = installation.trace("%file,flock,fcntl,ftruncate")
    opened = [line for line in calls.splitlines() if WRITING.search(line)]
    assert not [line for line in opened if not any(f'"{device}"' in line for device in DEVICES)]
    for call in ("flock(", "F_SETLK", "mkdir", "rename", "unlink", "link(", "ftruncate(", "chmod", "utime"):
        assert not [line for line in calls.splitlines() if call in line and "readlink(" not in line]
    assert "activation.compiled" in calls
