"""The compiled extensions of installed packages, and which of them do not import."""

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
# Of other errors many are meant: an optional package that is not there, a test that wants its runner.
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
# What Python says of modules of a package that import each other, whatever else is loaded; scipy has some.
A_CYCLE = "partially initialized module"
# Libraries of drivers, which are on the nodes that have the hardware.
DRIVERS = ("libcuda.so", "libnvidia-", "libnvcuvid", "libhsa-runtime", "libamdhip64", "libze_loader")


class FailedImport(NamedTuple):
    """A module that does not import: the kind of its error, or `crash`, `exit` or `slow`, and the words."""

    name: str
    kind: str
    words: str

    @property
    def is_of_elsewhere(self) -> bool:
        """Whether it may work on another node, in a job or in more time."""
        return self.kind in ("slow", "exit") or any(driver in self.words for driver in DRIVERS)

    @property
    def is_doubtful(self) -> bool:
        """Whether it may have failed for what another package has loaded or changed."""
        # That something is not there is often meant, and hides what would be found behind it.
        missing = self.kind in ("ImportError", "ModuleNotFoundError") and A_CYCLE not in self.words
        return self.kind != "slow" and (missing or self.is_broken or self.is_of_elsewhere)

    @property
    def is_broken(self) -> bool:
        """Whether the module cannot work here, whatever it was made for."""
        damaged = self.kind == "crash" or any(sign in self.words for sign in SIGNS_OF_DAMAGE)
        return damaged and not self.is_of_elsewhere


def list_extensions(distribution: Distribution) -> list[str]:
    """Return the modules of `distribution` that are compiled: a/b.cpython-311-x86_64-linux-gnu.so is a.b."""
    names = []
    # Without a RECORD by the list that setup.py has left.
    files = [row[0] for row in read_record_rows(distribution) if row] or map(str, distribution.files or ())
    for file in files:
        *folders, name = file.split("/")
        stem, dot, rest = name.partition(".")
        # Others that end in .so are libraries which extensions load.
        extension = dot and rest.endswith("so") and (rest == "so" or rest.startswith(("cpython-", "abi3")))
        parts = (*folders, stem)
        if extension and all(part.isidentifier() for part in parts):
            names.append(".".join(parts))
    return sorted(names)


class RunningImports:
    """The imports of the modules of packages, in one process, which goes on while other things are done.

    Parameters
    ----------
    python
        The path of the environment's Python.
    groups
        The modules of each package.

    Raises
    ------
    ProbeError
        When `python` cannot be started.
    """

    def __init__(self, python: str, groups: Sequence[Sequence[str]], environ: Mapping[str, str]) -> None:
        self.python, self.groups, self.environ = (python, "-s"), groups, environ
        together = [name for group in groups for name in group]
        self.probe = RunningProbe(self.python, PROBE, environ, [together])

    def list_failed(self, showing: Showing = showing_nothing) -> list[FailedImport]:
        """Return what does not import; wait for it, and show how far it has come.

        What has failed beside the modules of other packages is tried again without those: they may have
        loaded other libraries of the same names, and who uses one of them does not load the other, or have
        led Python away from what is there.

        Raises
        ------
        ProbeError
            When the Python does not run.
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
    """Return what the imports of so many `modules` answer; show how far they have come."""
    done = 0
    with showing("importing", modules) as advance:

        def hear(written: int) -> None:
            nonlocal done
            advance(written - done)
            done = written

        return [FailedImport(*words) for words in probe.answer(TIMEOUT_S, hear)]
