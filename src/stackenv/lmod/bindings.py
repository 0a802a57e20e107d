"""Find Lmod and ask it about modules: every process of Lmod is started here."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fcntl import F_SETFL, fcntl
from pathlib import Path
from typing import BinaryIO

from stackenv.errors import ModuleError, StackenvError, find_similar
from stackenv.lmod.module_files import list_modulefiles, list_names
from stackenv.lmod.module_table import LoadedModule, read_changes, read_loaded_modules
from stackenv.lmod.spider import list_versions, map_folders, read_ways
from stackenv.lmod.versions import name_of, order_module

# The packages of Debian and Fedora, and Lmod's own instructions (Lmod documentation, "Installing Lmod").
USUAL_PREFIXES = ("/usr/share/lmod", "/opt/apps/lmod")

# All output on stderr, without colours, and without a process of stty or tput to measure the width.
PLAIN_OUTPUT = {
    "LMOD_REDIRECT": "no",
    "LMOD_PAGER": "none",
    "LMOD_TERM_WIDTH": "80",
    "LMOD_COLORIZE": "no",
    "LMOD_TRACING": "no",
    "LMOD_AVAIL_EXTENSIONS": "no",
}
NAME_LMOD = "export LMOD_CMD=/path/to/lmod/libexec/lmod"
# Also hidden modules, and from the modulefiles themselves instead of a cache.
FROM_MODULEFILES = ("--show_hidden", "--ignore_cache")
# Each of these hides the messages of modules (libexec/utils.lua, 8.6.19).
SILENCE = ("LMOD_QUIET", "LMOD_EXPERT")

# A line of `-t avail`: a name, and marks in brackets for a default or, with an @, for an alias.
AVAILABLE = re.compile(r"([^\s()]*[^\s():/])((?:\([^@()\s]*\))*)")


def find_lmod(environ: Mapping[str, str]) -> str:
    """Return the path of the program `lmod`: from LMOD_CMD, PATH, or the usual folders of Lmod.

    Raises
    ------
    StackenvError
        If it is not found.
    """
    named = [environ.get("LMOD_CMD"), shutil.which("lmod", path=environ.get("PATH", ""))]
    for variable, relative in (("LMOD_DIR", "lmod"), ("LMOD_PKG", "libexec/lmod")):
        if environ.get(variable):
            named.append(f"{environ[variable]}/{relative}")
    for prefix in USUAL_PREFIXES:
        # In reverse order, the link `lmod` to the site's preferred version precedes the versions.
        named += sorted(map(str, Path(prefix).glob("*/libexec/lmod")), reverse=True)
    for candidate in named:
        if candidate and Path(candidate).is_file() and os.access(candidate, os.X_OK):
            return candidate
    raise StackenvError(
        "Lmod was not found: LMOD_CMD is not set, and lmod is not on PATH",
        "source Lmod's init file, or export LMOD_CMD=/path/to/lmod/libexec/lmod",
    )


def find_lmod_package(environ: Mapping[str, str]) -> str:
    """Return the folder of Lmod that contains init/bash, which Lmod itself calls LMOD_PKG.

    Raises
    ------
    StackenvError
        If it is not found.
    """
    lmod = find_lmod(environ)
    # A link to a version comes before the version itself, which may be replaced.
    candidates = [str(Path(lmod).parents[1]), environ.get("LMOD_PKG", "")]
    candidates.append(str(Path(os.path.realpath(lmod)).parents[1]))
    for candidate in candidates:
        if candidate and Path(candidate, "init/bash").is_file():
            return candidate
    raise StackenvError(
        f"Lmod's init/bash was not found beside {lmod}",
        "export LMOD_PKG=/path/to/lmod, the folder with init in it",
    )


@dataclass(frozen=True)
class Loaded:
    """The result of a load.

    Parameters
    ----------
    environ
        All environment variables after the load.
    words
        The output of Lmod and of the modules on stderr.
    """

    environ: Mapping[str, str]
    words: str


@dataclass(frozen=True)
class Lmod:
    """Lmod with the environment variables of a session, which it reads and never changes.

    Parameters
    ----------
    command
        The path of the program `lmod`.
    environ
        The environment variables with which modules are searched and loaded.
    timeout_s
        The time limit for one Lmod command.

    Raises
    ------
    ModuleError
        In each method that starts a process: if a module cannot be loaded or Lmod fails, with Lmod's
        output in the message, and if Lmod does not answer in time, or its answer cannot be read.
    """

    command: str
    environ: Mapping[str, str]
    timeout_s: int = 60

    @classmethod
    def find(cls, environ: Mapping[str, str], timeout_s: int = 60) -> Lmod:
        """Return the Lmod that is found with `environ`.

        Raises
        ------
        StackenvError
            If it is not found.
        """
        return cls(find_lmod(environ), dict(environ), timeout_s)

    def read_loaded(self) -> tuple[LoadedModule, ...]:
        """Return the loaded modules in load order, without starting a process."""
        return read_loaded_modules(self.environ)

    def load(self, *names: str) -> Loaded:
        """Return the environment variables after loading `names` as well.

        A module that calls LmodBreak causes an error, although Lmod reports none.
        """
        if not names:
            return Loaded(self.environ, "")
        environ, words = self._change("load", *map(check_argument, names))
        loaded = [m.full_name for m in read_loaded_modules(environ) if m.asked_for]
        missing = [n for n in names if not any(f"{m}/".startswith(f"{n.rstrip('/')}/") for m in loaded)]
        # A missing name may be an alias: Lmod does not store the alias by which a module was loaded.
        if missing and all(any(f"{m}/".startswith(f"{n}/") for n in names) for m in loaded):
            raise refuse(
                f"module load {' '.join(missing)}: not loaded, although Lmod reported no error", words
            )
        return Loaded(environ, words)

    def purged(self) -> Lmod:
        """Return an Lmod in whose environment no module is loaded, not even a sticky one.

        Variables that the user has set stay, and so does a MODULEPATH that was set with `module use`.
        """
        if not self.read_loaded():
            return self
        return replace(self, environ=self._change("--force", "purge")[0])

    def available(self, *patterns: str) -> tuple[str, ...]:
        """Return the full names of the modules that can be loaded now and match one of `patterns`, if any.

        They are sorted by name, then by version. Aliases and hidden modules are left out, and so are modules
        that are newer than Lmod's cache, if the site has one.
        """
        return self._list_available(patterns)

    def knows(self, name: str) -> bool:
        """Return whether `module load NAME` can work, now or after other modules of a hierarchy are loaded.

        `name` may contain a version, a part of one, or none, and may be an alias or hidden. The answer is
        also True if `module spider` finds only modules with similar names.
        """
        found, _ = self._ask("--ignore_cache", "is-avail", check_argument(name))
        return found or self._ask("-t", "spider", name)[0]

    def list_replacements(self, full_names: Sequence[str]) -> dict[str, str]:
        """Return each of `full_names` with itself if it is available, else with the newest version, or "".

        Hidden modules count as available. The modulefiles themselves are searched, because a cache lacks a
        modulefile that was just written. In a hierarchy, the modules before each one are loaded first.
        """
        names = tuple(dict.fromkeys(map(name_of, full_names)))
        there = self._list_available(names, *FROM_MODULEFILES) if names else ()
        if set(there).issuperset(full_names):
            return dict(zip(full_names, full_names))
        found, lmod = {}, self
        for full_name in full_names:
            name = name_of(full_name)
            there = lmod._list_available((name,), *FROM_MODULEFILES)
            # A cache may still list modules that are gone.
            others = [m for m in lmod.available(name) if name_of(m) == name and m in there]
            found[full_name] = full_name if full_name in there else (others or [""])[-1]
            with suppress(ModuleError):
                lmod = replace(lmod, environ=lmod.load(*filter(None, [found[full_name]])).environ)
        return found

    def replace_missing(self, full_names: Sequence[str]) -> list[str]:
        """Return the modules that `list_replacements` finds for `full_names`, in the same order.

        If none is found because the module requires others in a hierarchy, these are added, with its newest
        version.
        """
        instead = self.list_replacements(full_names)
        found = list(filter(None, instead.values()))
        for full_name in (full_name for full_name, other in instead.items() if not other):
            with suppress(ModuleError):
                way = (self.ways_to(name_of(full_name)) or [()])[-1]
                names = set(map(name_of, way))
                found = [module for module in found if name_of(module) not in names] + [*way]
        return found

    def ways_to(self, name: str) -> list[tuple[str, ...]]:
        """Return all ways to load `name`: each is the module, preceded by the modules that it requires.

        `name` may contain a version. If there are several versions, the oldest comes first.
        """
        found, words = self._ask("spider", check_argument(name))
        several = [m for m in list_versions(words) if m.startswith(f"{name}/")]
        if several:
            return [way for m in sorted(several, key=order_module) if m != name for way in self.ways_to(m)]
        full_name, ways = read_ways(words)
        # The answer may be about a module with a similar name.
        if not found or not f"{full_name}/".startswith(f"{name.rstrip('/')}/"):
            return []
        return [(*way, full_name) for way in ways or [()]]

    def add_required_modules(self, names: Sequence[str], loaded: Sequence[str]) -> list[str]:
        """Return `names`, each preceded by the modules that it requires in a hierarchy.

        Parameters
        ----------
        loaded
            The full names of modules that decide if there are several possibilities.

        Raises
        ------
        ModuleError
            If several possibilities remain; the message lists them.
        """
        led: list[str] = []
        for name in names:
            ways: list[tuple[str, ...]] = []
            # If Lmod fails or takes too long, the load has already reported it.
            with suppress(ModuleError):
                if not self._ask("--ignore_cache", "is-avail", check_argument(name))[0]:
                    ways = self.ways_to(name)
            fitting = [way for way in ways if {*loaded, *led}.issuperset(way[:-1])]
            if not fitting and len(ways) > 1:
                raise refuse_ways(name, ways)
            # If several fit, the longest wins: modules that are loaded last are first in MODULEPATH.
            longest: tuple[str, ...] = max(fitting or ways or [(name,)], key=len)
            led += longest
        return list(dict.fromkeys(led))

    def spider_reverse_map(self) -> Mapping[str, tuple[str, ...]]:
        """Return, for each folder that modules add to PATH or a library path, the names of these modules.

        Modules of a hierarchy that cannot be loaded directly are included. A folder with a link in its path
        is listed with both paths.
        """
        folders = [f for f in self.environ.get("MODULEPATH", "").split(":") if f.startswith("/")]
        if not folders:
            return {}
        # Spider's own reverse map is not used: if several modules add a folder, it contains only one of them,
        # and not always the same (l_add2map in libexec/spider, 8.6.19).
        command = [self._find_spider(), "-o", "spider-json", ":".join(folders)]
        done = self._run(command)
        reverse_map = map_folders(done.stdout)
        if done.returncode or reverse_map is None:
            raise refuse(
                f"{' '.join(command)} printed no list of modules (exit status {done.returncode})", done.stderr
            )
        return reverse_map

    def _find_spider(self) -> str:
        beside = [Path(self.command).parent, Path(os.path.realpath(self.command)).parent]
        if self.environ.get("LMOD_DIR"):
            beside.append(Path(self.environ["LMOD_DIR"]))
        for folder in beside:
            if os.access(folder / "spider", os.X_OK):
                return str(folder / "spider")
        raise refuse(f"Lmod's spider was not found beside {self.command}", "", "export LMOD_DIR")

    def _list_available(self, patterns: Sequence[str], *options: str) -> tuple[str, ...]:
        _, words = self._change("-t", *options, "avail", *map(check_argument, patterns))
        marked = (AVAILABLE.fullmatch(line.strip()) for line in words.splitlines())
        return tuple(sorted({match.group(1) for match in marked if match}, key=order_module))

    def _ask(self, *arguments: str) -> tuple[bool, str]:
        command = [self.command, "python", *arguments]
        done = self._run(command)
        succeeded = read_changes(done.stdout)[1]
        if succeeded is None:
            what = f"{' '.join(command)} did not answer as Lmod does (exit status {done.returncode})"
            raise refuse(what, done.stderr, NAME_LMOD)
        return succeeded and not done.returncode, done.stderr

    def _change(self, *arguments: str) -> tuple[dict[str, str], str]:
        command = [self.command, "python", *arguments]
        done = self._run(command)
        changes, succeeded = read_changes(done.stdout)
        names = [argument for argument in arguments if not argument.startswith("-")][1:]
        if succeeded is None:
            what = f"{' '.join(command)} did not answer as Lmod does (exit status {done.returncode})"
            raise refuse(what, done.stderr, self._suggest(names) or NAME_LMOD)
        if done.returncode or not succeeded:
            raise refuse(f"module {' '.join(arguments)} failed", done.stderr, self._suggest(names))
        merged = {**self.environ, **changes}
        return {name: value for name, value in merged.items() if value is not None}, done.stderr

    def _suggest(self, names: Sequence[str]) -> str:
        """Return the hint for modules `names` that could not be loaded, with similar existing names."""
        folders = self.environ.get("MODULEPATH", "").split(":")
        similar = [f"did you mean: {found}" for name in names for found in find_similar_module(name, folders)]
        return "; ".join([*similar, *(f"module spider {name}" for name in names)])

    def _run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        environ = {name: value for name, value in self.environ.items() if name not in SILENCE}
        return run(command, {**environ, **PLAIN_OUTPUT}, self.timeout_s)


def find_similar_module(name: str, folders: Sequence[str]) -> list[str]:
    """Return the module in `folders`, those of MODULEPATH, with the name most similar to `name`, if any.

    If `name` contains a version, the result does, too.
    """
    word, _, version = name.partition("/")
    known = list_names(folders)
    for base in [word] if word in known else find_similar(word, known):
        close = find_similar(f"{base}/{version}", list_modulefiles(base, folders)) if version else []
        return [found for found in (close or [base]) if found not in (word, name)]
    return []


def run(
    command: Sequence[str], environ: Mapping[str, str], timeout_s: int
) -> subprocess.CompletedProcess[str]:
    """Run `command`; after `timeout_s`, kill it with all processes that it started.

    In the result, stdout is decoded as latin-1, one character for each byte, and stderr is stripped text.

    Raises
    ------
    ModuleError
        If it cannot be started, or does not end in time.
    """
    # Pipes would stay open as long as a daemon that a module started.
    with open_memory() as output, open_memory() as words:
        try:
            process = subprocess.Popen(
                command,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=words,
                start_new_session=True,
            )
        except OSError as error:
            hint = "" if error.errno == errno.E2BIG else NAME_LMOD
            raise refuse(f"{command[0]} cannot be started: {error.strerror}", "", hint) from error
        # wait(timeout) would return up to 0.05 s late, which is as long as Lmod takes.
        late = threading.Event()
        clock = threading.Timer(timeout_s, end_late, (process, late))
        clock.daemon = True
        clock.start()
        try:
            status = process.wait()
        finally:
            clock.cancel()
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if late.is_set():
            what = f"{' '.join(command)} did not end within {timeout_s} s and was killed"
            said = os.fsdecode(read_memory(words)).strip()
            raise refuse(what, said, "look for a modulefile that hangs")
        said = os.fsdecode(read_memory(words)).strip()
        return subprocess.CompletedProcess(command, status, read_memory(output).decode("latin-1"), said)


def end_late(process: subprocess.Popen[bytes], late: threading.Event) -> None:
    """Kill `process` and all processes that it started, and set `late`."""
    if process.returncode is None:
        late.set()
        os.killpg(process.pid, signal.SIGKILL)


def open_memory() -> BinaryIO:
    """Return a file in memory to which all output is appended, even after a process truncated it."""
    memory = os.fdopen(os.memfd_create("stackenv-lmod"), "w+b", buffering=0)
    fcntl(memory, F_SETFL, os.O_APPEND)
    return memory


def read_memory(memory: BinaryIO) -> bytes:
    """Return all that was written to `memory`."""
    return os.pread(memory.fileno(), os.fstat(memory.fileno()).st_size, 0)


def refuse(what: str, words: str, hint: str = "") -> ModuleError:
    """Return the error that says `what` happened, followed by Lmod's output."""
    return ModuleError(f"{what}\n{words}" if words else what, hint)


def refuse_ways(name: str, ways: Sequence[tuple[str, ...]]) -> ModuleError:
    """Return the error for a module of a hierarchy that can be loaded in several `ways`."""
    typed = (f"  {' '.join(f'-m {module}' for module in way)}" for way in ways)
    return ModuleError(
        f"{name} requires other modules, and there are several possibilities:\n" + "\n".join(typed),
        "name the modules of one of these lines",
    )


def check_argument(name: str) -> str:
    """Return `name`; raise ModuleError if Lmod would read it as an option, or it cannot be a name."""
    if not name or name.startswith("-") or not name.isprintable() or any(c.isspace() for c in name):
        raise ModuleError(f"{name!r} is not a module name", "type it as `module avail` shows it")
    return name
