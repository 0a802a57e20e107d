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

# Debian's and Fedora's packages, and Lmod's own instructions (Lmod documentation, "Installing Lmod").
USUAL_PREFIXES = ("/usr/share/lmod", "/opt/apps/lmod")

# Words on stderr, all of them, without colours and without a process of stty or tput for the width.
TALK_PLAINLY = {
    "LMOD_REDIRECT": "no",
    "LMOD_PAGER": "none",
    "LMOD_TERM_WIDTH": "80",
    "LMOD_COLORIZE": "no",
    "LMOD_TRACING": "no",
    "LMOD_AVAIL_EXTENSIONS": "no",
}
NAME_LMOD = "export LMOD_CMD=/path/to/lmod/libexec/lmod"
# Hidden modules too, and the modulefiles themselves in the place of a cache.
AS_IT_IS = ("--show_hidden", "--ignore_cache")
# Either one hides the words of a module (libexec/utils.lua, 8.6.19).
SILENCE = ("LMOD_QUIET", "LMOD_EXPERT")

# A line of `-t avail`: a name and its marks, which name a default or, behind an @, an alias.
AVAILABLE = re.compile(r"([^\s()]*[^\s():/])((?:\([^@()\s]*\))*)")


def find_lmod(environ: Mapping[str, str]) -> str:
    """Return the path of the program `lmod`: LMOD_CMD, else on PATH, else where Lmod is installed.

    Raises
    ------
    StackenvError
        When there is none.
    """
    named = [environ.get("LMOD_CMD"), shutil.which("lmod", path=environ.get("PATH", ""))]
    for variable, relative in (("LMOD_DIR", "lmod"), ("LMOD_PKG", "libexec/lmod")):
        if environ.get(variable):
            named.append(f"{environ[variable]}/{relative}")
    for prefix in USUAL_PREFIXES:
        # Reversed, the site's link `lmod` to the version of its choice is before the versions.
        named += sorted(map(str, Path(prefix).glob("*/libexec/lmod")), reverse=True)
    for candidate in named:
        if candidate and Path(candidate).is_file() and os.access(candidate, os.X_OK):
            return candidate
    raise StackenvError(
        "Lmod was not found: LMOD_CMD is not set, and lmod is not on PATH",
        "source Lmod's init file, or export LMOD_CMD=/path/to/lmod/libexec/lmod",
    )


def find_lmod_package(environ: Mapping[str, str]) -> str:
    """Return the folder of Lmod that has init/bash, as Lmod's own LMOD_PKG does.

    Raises
    ------
    StackenvError
        When there is none.
    """
    lmod = find_lmod(environ)
    # A link to a version, in front of what it leads to: the version may be replaced.
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
    """What a load has made.

    Parameters
    ----------
    environ
        The whole environment after it.
    words
        What Lmod and the modules said on stderr.
    """

    environ: Mapping[str, str]
    words: str


@dataclass(frozen=True)
class Lmod:
    """Lmod, on an environment that it reads and never changes.

    Parameters
    ----------
    command
        The path of the program `lmod`.
    environ
        The environment in which modules are loaded, and are looked for.
    timeout_s
        How long one command of Lmod may take.

    Raises
    ------
    ModuleError
        By each method that starts a process: when a module cannot be loaded or Lmod fails, with Lmod's
        own words, and when there is no answer that can be read, or none in time.
    """

    command: str
    environ: Mapping[str, str]
    timeout_s: int = 60

    @classmethod
    def find(cls, environ: Mapping[str, str], timeout_s: int = 60) -> Lmod:
        """Return the Lmod that `environ` leads to.

        Raises
        ------
        StackenvError
            When there is none.
        """
        return cls(find_lmod(environ), dict(environ), timeout_s)

    def read_loaded(self) -> tuple[LoadedModule, ...]:
        """Return the modules that are loaded, in load order; start no process."""
        return read_loaded_modules(self.environ)

    def load(self, *names: str) -> Loaded:
        """Return the environment in which `names` are loaded too.

        A module that ends itself by LmodBreak is an error, though Lmod counts it as none.
        """
        if not names:
            return Loaded(self.environ, "")
        environ, words = self._change("load", *map(check_argument, names))
        loaded = [m.full_name for m in read_loaded_modules(environ) if m.asked_for]
        missing = [n for n in names if not any(f"{m}/".startswith(f"{n.rstrip('/')}/") for m in loaded)]
        # Another name may be an alias, and Lmod does not keep the alias of what it has loaded.
        if missing and all(any(f"{m}/".startswith(f"{n}/") for n in names) for m in loaded):
            raise refuse(
                f"module load {' '.join(missing)}: not loaded, although Lmod reported no error", words
            )
        return Loaded(environ, words)

    def purged(self) -> Lmod:
        """Return an Lmod in whose environment nothing is loaded, sticky modules neither.

        What the user has set, and a MODULEPATH by `module use`, stays.
        """
        if not self.read_loaded():
            return self
        return replace(self, environ=self._change("--force", "purge")[0])

    def available(self, *patterns: str) -> tuple[str, ...]:
        """Return the full names of the modules that can be loaded now and match one of `patterns`, if any.

        They are sorted by name, then by version; aliases and hidden modules are left out, and where
        Lmod keeps a cache, what was written after it.
        """
        return self._list_available(patterns)

    def knows(self, name: str) -> bool:
        """Return whether `module load NAME` can work: now, or when others of a hierarchy are loaded before.

        `name` is what is typed: with a version, part of one, or none; an alias, or hidden. What only
        resembles it, which the answer of `module spider` may be about, counts too.
        """
        found, _ = self._ask("--ignore_cache", "is-avail", check_argument(name))
        return found or self._ask("-t", "spider", name)[0]

    def list_instead(self, full_names: Sequence[str]) -> dict[str, str]:
        """Return by each of `full_names` itself if it is available, else the newest other version, or "".

        A hidden one is available. The modulefiles themselves are looked at, for a cache does not know the one
        just written. In a hierarchy each is looked for where those before it are loaded.
        """
        names = tuple(dict.fromkeys(map(name_of, full_names)))
        there = self._list_available(names, *AS_IT_IS) if names else ()
        if set(there).issuperset(full_names):
            return dict(zip(full_names, full_names))
        found, lmod = {}, self
        for full_name in full_names:
            name = name_of(full_name)
            there = lmod._list_available((name,), *AS_IT_IS)
            # A cache may still have one that is gone.
            others = [m for m in lmod.available(name) if name_of(m) == name and m in there]
            found[full_name] = full_name if full_name in there else (others or [""])[-1]
            with suppress(ModuleError):
                lmod = replace(lmod, environ=lmod.load(*filter(None, [found[full_name]])).environ)
        return found

    def replace_missing(self, full_names: Sequence[str]) -> list[str]:
        """Return what `list_instead` finds for `full_names`, in their order.

        For one that is behind others of a hierarchy, and not behind these, come those and the newest of it.
        """
        instead = self.list_instead(full_names)
        found = list(filter(None, instead.values()))
        for full_name in (full_name for full_name, other in instead.items() if not other):
            with suppress(ModuleError):
                way = (self.ways_to(name_of(full_name)) or [()])[-1]
                names = set(map(name_of, way))
                found = [module for module in found if name_of(module) not in names] + [*way]
        return found

    def ways_to(self, name: str) -> list[tuple[str, ...]]:
        """Return what can be loaded for `name`, each time the module behind those that lead to it.

        `name` is what is typed, with a version or without; of several versions the oldest comes first.
        """
        found, words = self._ask("spider", check_argument(name))
        several = [m for m in list_versions(words) if m.startswith(f"{name}/")]
        if several:
            return [way for m in sorted(several, key=order_module) if m != name for way in self.ways_to(m)]
        full_name, ways = read_ways(words)
        # What only resembles it is not what was meant.
        if not found or not f"{full_name}/".startswith(f"{name.rstrip('/')}/"):
            return []
        return [(*way, full_name) for way in ways or [()]]

    def lead_to(self, names: Sequence[str], loaded: Sequence[str]) -> list[str]:
        """Return `names` with what must be loaded before them in a hierarchy, where that is certain.

        Parameters
        ----------
        loaded
            The full names of modules that decide between several ways.

        Raises
        ------
        ModuleError
            When there are several ways; the hint says which.
        """
        led: list[str] = []
        for name in names:
            ways: list[tuple[str, ...]] = []
            # What is wrong with Lmod, or takes too long, the load has said.
            with suppress(ModuleError):
                if not self._ask("--ignore_cache", "is-avail", check_argument(name))[0]:
                    ways = self.ways_to(name)
            fitting = [way for way in ways if {*loaded, *led}.issuperset(way[:-1])]
            if not fitting and len(ways) > 1:
                raise refuse_ways(name, ways)
            # Of several that fit, what was loaded last has its folder first in MODULEPATH.
            longest: tuple[str, ...] = max(fitting or ways or [(name,)], key=len)
            led += longest
        return list(dict.fromkeys(led))

    def spider_reverse_map(self) -> Mapping[str, tuple[str, ...]]:
        """Return which modules lead to a folder, for each folder on PATH or a library path of theirs.

        Modules of a hierarchy that cannot be loaded at once are among them. A folder that is reached
        through a link is there by both names.
        """
        folders = [f for f in self.environ.get("MODULEPATH", "").split(":") if f.startswith("/")]
        if not folders:
            return {}
        # Not its reverse map: of several modules that lead to one folder that names one, and not always
        # the same (l_add2map in libexec/spider, 8.6.19).
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
        """Return what to type where the modules `names` could not be loaded: by names that are there, too."""
        folders = self.environ.get("MODULEPATH", "").split(":")
        similar = [f"did you mean: {found}" for name in names for found in find_similar_module(name, folders)]
        return "; ".join([*similar, *(f"module spider {name}" for name in names)])

    def _run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        environ = {name: value for name, value in self.environ.items() if name not in SILENCE}
        return run(command, {**environ, **TALK_PLAINLY}, self.timeout_s)


def find_similar_module(name: str, folders: Sequence[str]) -> list[str]:
    """Return which module in `folders`, those of MODULEPATH, `name` may mean; empty where none is close.

    With the likeliest version, where `name` has one.
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
    """Run `command`, and kill it with all that it started after `timeout_s`.

    Its stdout is returned as latin-1, a character for each byte, and its stderr as text, stripped.

    Raises
    ------
    ModuleError
        When it cannot be started, or does not end in time.
    """
    # Not pipes: they would be waited for as long as a daemon that a module has started holds them.
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
        # Not wait(timeout): that sleeps for up to 0.05 s beyond the end, which is as long as Lmod takes.
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
    """Kill `process`, with all that it started, and say by `late` that it is so."""
    if process.returncode is None:
        late.set()
        os.killpg(process.pid, signal.SIGKILL)


def open_memory() -> BinaryIO:
    """Return a file in memory that is appended to, also by a process that has truncated it."""
    memory = os.fdopen(os.memfd_create("stackenv-lmod"), "w+b", buffering=0)
    fcntl(memory, F_SETFL, os.O_APPEND)
    return memory


def read_memory(memory: BinaryIO) -> bytes:
    """Return all that was written to `memory`."""
    return os.pread(memory.fileno(), os.fstat(memory.fileno()).st_size, 0)


def refuse(what: str, words: str, hint: str = "") -> ModuleError:
    """Return the error that says `what` happened, with Lmod's own words."""
    return ModuleError(f"{what}\n{words}" if words else what, hint)


def refuse_ways(name: str, ways: Sequence[tuple[str, ...]]) -> ModuleError:
    """Return the error for a module of a hierarchy to which several ways lead."""
    typed = (f"  {' '.join(f'-m {module}' for module in way)}" for way in ways)
    return ModuleError(
        f"{name} requires other modules, and there are several possibilities:\n" + "\n".join(typed),
        "name the modules of one of these lines",
    )


def check_argument(name: str) -> str:
    """Return `name`; raise ModuleError for what Lmod would take for an option, or for no name at all."""
    if not name or name.startswith("-") or not name.isprintable() or any(c.isspace() for c in name):
        raise ModuleError(f"{name!r} is not a module name", "type it as `module avail` shows it")
    return name
