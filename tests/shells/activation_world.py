"""A conda installation, a machine and a home, in which conda and stackenv answer the same questions.

The installation is a copy of one that the tests have built, so that its files may be changed. /etc and
/var/lib, where conda reads its configuration, are folders of the tests as well (in a mount namespace).
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from copied_installations import copy_installation
from environments import make_environment

SERVER = Path(__file__).with_name("activation_server.py")
OURS = "libexec/stackenv/stackenv_native_activation.py"
# The conda of the tests' distributions and of tests/shells/oldest_conda.py: the ends of the supported range.
NEWEST, OLDEST = "24.7.1", "22.9.0"
# The files that the user database and the dynamic loader need.
OF_ETC = ("passwd", "group", "nsswitch.conf", "ld.so.cache")
MOUNTING = """
mount --bind "$1" /etc && mount --bind "$2" /var/lib && shift 2 &&
exec setpriv --bounding-set=-dac_override,-dac_read_search "$@"
"""


@dataclass(frozen=True)
class Link:
    """A symbolic link, in place of a file's text."""

    target: str


@dataclass(frozen=True)
class Mode:
    """New permissions, for a file or folder that exists."""

    mode: int


class Gone:
    """In place of a file's text: the file or folder is removed."""


class Folder:
    """In place of a file's text: an empty folder."""


@dataclass(frozen=True)
class Case:
    """One question, and all that its answer depends on.

    @ROOT@, @HOME@, @ETC@ and @LIB@ in any text stand for the world's folders. `environ` holds what differs
    from a shell that has loaded the module (None: unset), and `before` the commands that conda has answered
    and the shell has carried out before the question.
    """

    command: tuple[str, ...]
    environ: Mapping[str, str | None] = field(default_factory=dict)
    files: Mapping[str, Any] = field(default_factory=dict)
    before: tuple[tuple[str, ...], ...] = ()
    # Whether a command of `before` may fail; the commands after it are then left out.
    may_fail: bool = False
    # Changes of files and variables after `before`, and before the question.
    then: Mapping[str, Any] = field(default_factory=dict)
    then_environ: Mapping[str, str | None] = field(default_factory=dict)
    folder: str = "@HOME@"
    dialect: str = "sh"


@dataclass(frozen=True)
class Outcome:
    """A program's answer (None if it failed), its exit status, and its messages on standard error."""

    answer: dict[str, Any] | None
    status: int
    stderr: str


class Server:
    """A process of activation_server.py, which answers one question after the other."""

    def __init__(self, command: Sequence[str | Path]) -> None:
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"LANG": "C.UTF-8", "HOME": "/nonexistent", "PATH": "/usr/bin:/bin"},
            text=True,
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.questions, self.answers = self.process.stdin, self.process.stdout
        assert self.answers.readline() == "ready\n", f"status {self.process.wait()}"

    def ask(
        self, arguments: Sequence[str], environ: Mapping[str, str], folder: str, dialect: str = "sh"
    ) -> Outcome:
        """Return the outcome of one question; `answer` is also None where stackenv hands over to conda."""
        question = {"arguments": list(arguments), "environ": dict(environ), "folder": folder}
        question["dialect"] = dialect
        self.questions.write(json.dumps(question) + "\n")
        self.questions.flush()
        found = json.loads(self.answers.readline())
        answer = None
        if not found["status"]:
            try:
                answer = json.loads(found["stdout"])
            except ValueError:
                raise AssertionError(f"no JSON: {found}") from None
        return Outcome(answer, found["status"], found["stderr"])

    def stop(self) -> None:
        self.questions.close()
        self.process.wait()
        self.answers.close()


class World:
    """The folders, and the two programs that answer questions in them."""

    def __init__(self, installation: Path, folder: Path, version: str = NEWEST) -> None:
        self.folder, self.root, self.home = folder, folder / "root", folder / "home"
        self.etc, self.lib = folder / "etc", folder / "lib"
        copy_installation(installation, self.root)
        for made in (self.etc, self.lib):
            made.mkdir()
        for name in OF_ETC:
            if Path("/etc", name).exists():
                shutil.copy(Path("/etc", name), self.etc)
        python = self.root / "bin/python"
        self.conda = Server([*self.inside(), python, "-I", SERVER, "conda"])
        self.ours = Server([*self.inside(), python, "-I", "-S", SERVER, self.root / OURS, version])

    def inside(self) -> list[str | Path]:
        """Return the words that start a command in this world, without root's right to ignore permissions."""
        user = [] if os.geteuid() == 0 else ["--map-root-user"]
        return ["unshare", "--mount", *user, "sh", "-c", MOUNTING, "sh", self.etc, self.lib]

    def stop(self) -> None:
        self.conda.stop()
        self.ours.stop()

    def fill(self, text: str) -> str:
        """Return `text` with the paths of the installation and the home."""
        for mark, path in (("@ROOT@", self.root), ("@HOME@", self.home)):
            text = text.replace(mark, str(path))
        return text

    def path_of(self, name: str) -> Path:
        """Return the path of a case's file."""
        return Path(self.fill(name).replace("@ETC@", str(self.etc)).replace("@LIB@", str(self.lib)))

    def put(self, files: Mapping[str, Any], undo: list[tuple[Path, Any]]) -> None:
        """Create a case's own files; note in `undo` what to restore outside the home."""
        for name, content in files.items():
            path = self.path_of(name)
            if not path.is_relative_to(self.home):
                missing = [parent for parent in path.parents if not parent.exists()]
                undo.append((missing[-1], Gone) if missing else (path, read_entry(path)))
            make_entry(path, self.filled(content))

    def filled(self, content: Any) -> Any:
        if isinstance(content, str):
            return self.fill(content)
        return Link(self.fill(content.target)) if isinstance(content, Link) else content

    @contextmanager
    def arranged(self, case: Case) -> Iterator[dict[str, str]]:
        """Set up the world of a case; give the environment in which its question is asked."""
        undo: list[tuple[Path, Any]] = []
        try:
            make_home(self.home)
            self.put(case.files, undo)
            environ = self.change(self.loaded(), case.environ)
            environ = self.run_before(case, environ)
            self.put(case.then, undo)
            yield self.change(environ, case.then_environ)
        finally:
            for path, content in reversed(undo):
                make_entry(path, content)
            remove(self.home)

    def run_before(self, case: Case, environ: dict[str, str]) -> dict[str, str]:
        """Return the environment after the commands that precede a case's question."""
        for command in case.before:
            outcome = self.ask_conda(dataclasses.replace(case, command=command, dialect="sh"), environ)
            if outcome.answer is None:
                assert case.may_fail, outcome.stderr
                break
            environ = carry_out(outcome.answer, environ)
        return environ

    def loaded(self) -> dict[str, str]:
        """Return the environment of a shell that has loaded the module."""
        ours = f"{self.root}/libexec/stackenv/condabin:{self.root}/condabin"
        return {
            "HOME": str(self.home),
            "PATH": f"{ours}:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "CONDA_EXE": f"{self.root}/bin/conda",
            "CONDA_PYTHON_EXE": f"{self.root}/bin/python",
            "CONDA_ENVS_PATH": f"{self.home}/conda/envs",
            "CONDA_PKGS_DIRS": f"{self.home}/conda/pkgs",
            "PS1": "$ ",
        }

    def change(self, environ: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
        filled = {name: None if value is None else self.fill(value) for name, value in changes.items()}
        return {name: value for name, value in {**environ, **filled}.items() if value is not None}

    def ask_conda(self, case: Case, environ: Mapping[str, str]) -> Outcome:
        return self.conda.ask(*self.question(case, environ))

    def question(
        self, case: Case, environ: Mapping[str, str]
    ) -> tuple[list[str], Mapping[str, str], str, str]:
        return [self.fill(word) for word in case.command], environ, self.fill(case.folder), case.dialect

    def evaluate(self, case: Case) -> tuple[Outcome, Outcome] | None:
        """Return the outcomes of conda and of stackenv for a case; None if stackenv hands over to conda."""
        with self.arranged(case) as environ:
            ours = self.ours.ask(*self.question(case, environ))
            assert ours.status == 0, ours.stderr
            return None if ours.answer is None else (self.ask_conda(case, environ), ours)

    def ask_forked_conda(self, case: Case) -> Outcome:
        """Return the outcome of the forked conda, which gets all other questions."""
        with self.arranged(case) as environ:
            return self.ask_conda(case, environ)

    def ask_started_conda(self, case: Case) -> Outcome:
        """Return the outcome of a conda that is started for this one question."""
        conda = ("-I", f"{self.root}/bin/conda", "shell.posix+json")
        done = self.start(case, *conda)
        answer = None if done.returncode else json.loads(done.stdout)
        return Outcome(answer, done.returncode, done.stderr)

    def start(self, case: Case, *program: str) -> subprocess.CompletedProcess[str]:
        """Run the installation's Python with the words of `program`, followed by those of the case."""
        with self.arranged(case) as environ:
            words, _, folder, _ = self.question(case, environ)
            variables = [f"{name}={value}" for name, value in environ.items()]
            return subprocess.run(
                [*self.inside(), "env", "-i", *variables, self.root / "bin/python", *program, *words],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="surrogateescape",
                check=False,
            )


def make_home(home: Path) -> None:
    """Create the home with which all cases begin."""
    for name in ("one", "two", "three"):
        make_environment(home / "conda/envs" / name, name.upper())
    make_environment(home / ".conda/envs/four", "FOUR")
    make_environment(home / "work/place", "PLACE")
    (home / "conda/envs/bare/conda-meta").mkdir(parents=True)
    state = {"env_vars": {"STATE": "of one", "SPACED": "a  b 'c' \"d\""}}
    (home / "conda/envs/stated/conda-meta").mkdir(parents=True)
    (home / "conda/envs/stated/conda-meta/state").write_text(json.dumps(state))


def carry_out(answer: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` after a shell has carried out conda's answer, without the effects of scripts."""
    after = dict(environ)
    if "PATH" in answer["path"]:
        after["PATH"] = ":".join(answer["path"]["PATH"])
    for name in answer["vars"]["unset"]:
        after.pop(name, None)
    return after | {name: str(value) for name, value in answer["vars"]["export"].items()}


def read_entry(path: Path) -> Any:
    """Return the content from which `make_entry` recreates this entry."""
    if path.is_symlink():
        return Link(str(path.readlink()))
    if path.is_dir():
        return Mode(path.stat().st_mode & 0o777)
    return Kept(path.read_bytes(), path.stat()) if path.exists() else Gone


@dataclass(frozen=True)
class Kept:
    """The original content of a file, with its permissions and times."""

    content: bytes
    status: os.stat_result


def make_entry(path: Path, content: Any) -> None:
    """Create, change or remove `path` as `content` says; create missing parent folders."""
    if isinstance(content, Mode):
        path.chmod(content.mode)
        return
    remove(path)
    if content is Gone:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if content is Folder:
        path.mkdir()
    elif isinstance(content, Link):
        path.symlink_to(content.target)
    elif isinstance(content, Kept):
        path.write_bytes(content.content)
        path.chmod(content.status.st_mode & 0o777)
        os.utime(path, ns=(content.status.st_atime_ns, content.status.st_mtime_ns))
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def remove(path: Path) -> None:
    """Remove a file, a link, or a folder with what it holds, however it is protected."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        for folder, _, _ in os.walk(path):
            os.chmod(folder, 0o700)  # noqa: PTH101 (os.walk gives strings)
        shutil.rmtree(path)
