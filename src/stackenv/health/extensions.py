"""Finds the compiled modules of installed packages, and those that cannot be imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from importlib.metadata import Distribution
from pathlib import Path
from typing import NamedTuple

from stackenv.environments.own_packages import read_record_rows
from stackenv.health.installed_files import Showing, showing_nothing
from stackenv.probe import RunningProbe

PROBE = Path(__file__).with_name("probe_imports.py")
TIMEOUT_S = 1200
# Many other errors are intended: a missing optional package, a test module without its runner.
SIGNS_OF_DAMAGE = (
    "undefined symbol",
    "cannot open shared object",
    "version `",
    "invalid ELF",
    "file too short",
    "size changed",
    "multiarray",
    "_ARRAY_API",
    "compiled using NumPy",
    "wrong ELF class",
    "cannot enable executable stack",
)
# Raised for modules of a package that import each other, whatever else is loaded; scipy has some.
A_CYCLE = "partially initialized module"
# Driver libraries, which are installed only on nodes with the hardware.
DRIVERS = ("libcuda.so", "libnvidia-", "libnvcuvid", "libhsa-runtime", "libamdhip64", "libze_loader")


class FailedImport(NamedTuple):
    """A module that cannot be imported: the type of the error, or `crash`, `exit` or `slow`, and its text."""

    name: str
    kind: str
    words: str

    @property
    def is_of_elsewhere(self) -> bool:
        """Whether it may work on another node, in a job, or with more time."""
        return self.kind in ("slow", "exit") or any(driver in self.words for driver in DRIVERS)

    @property
    def is_doubtful(self) -> bool:
        """Whether it may have failed because of what another package loaded or changed."""
        # A missing module is often intended, and hides errors that would follow.
        missing = self.kind in ("ImportError", "ModuleNotFoundError") and A_CYCLE not in self.words
        return self.kind != "slow" and (missing or self.is_broken or self.is_of_elsewhere)

    @property
    def is_broken(self) -> bool:
        """Whether the module cannot work here in any case."""
        damaged = self.kind == "crash" or any(sign in self.words for sign in SIGNS_OF_DAMAGE)
        return damaged and not self.is_of_elsewhere


def list_extensions(distribution: Distribution) -> list[str]:
    """Return the compiled modules of `distribution`: a/b.cpython-311-x86_64-linux-gnu.so is a.b."""
    names = []
    # Without a RECORD, the list that setup.py wrote.
    files = [row[0] for row in read_record_rows(distribution) if row] or map(str, distribution.files or ())
    for file in files:
        *folders, name = file.split("/")
        stem, dot, rest = name.partition(".")
        # Other .so files are libraries that extensions load.
        extension = dot and rest.endswith("so") and (rest == "so" or rest.startswith(("cpython-", "abi3")))
        parts = (*folders, stem)
        if extension and all(part.isidentifier() for part in parts):
            names.append(".".join(parts))
    return sorted(names)


class RunningImports:
    """Imports the modules of packages in one process, which runs in the background.

    Parameters
    ----------
    python
        The path of the environment's Python.
    groups
        The modules of each package.

    Raises
    ------
    ProbeError
        If `python` cannot be started.
    """

    def __init__(self, python: str, groups: Sequence[Sequence[str]], environ: Mapping[str, str]) -> None:
        self.python, self.groups, self.environ = (python, "-s"), groups, environ
        together = [name for group in groups for name in group]
        self.probe = RunningProbe(self.python, PROBE, environ, [together])

    def list_failed(self, showing: Showing = showing_nothing) -> list[FailedImport]:
        """Wait for the imports, show their progress, and return those that failed.

        A module that failed is tried again without the modules of other packages: those may have loaded
        other libraries of the same names, or changed where Python looks.

        Raises
        ------
        ProbeError
            If the Python does not run.
        """
        failed = listen(self.probe, sum(map(len, self.groups)), showing)
        doubtful = {f.name for f in failed if f.is_doubtful}
        again = [[name for name in group if name in doubtful] for group in self.groups]
        if not doubtful:
            return failed
        with closing(RunningProbe(self.python, PROBE, self.environ, list(filter(None, again)))) as probe:
            alone = listen(probe, sum(map(len, again)), showing)
        return [f for f in failed if f.name not in doubtful] + alone

    def close(self) -> None:
        """End it."""
        self.probe.close()


def listen(probe: RunningProbe, modules: int, showing: Showing) -> list[FailedImport]:
    """Return the failed imports of this number of `modules`; show the progress."""
    done = 0
    with showing("importing", modules) as advance:

        def hear(written: int) -> None:
            nonlocal done
            advance(written - done)
            done = written

        return [FailedImport(*words) for words in probe.answer(TIMEOUT_S, hear)]
