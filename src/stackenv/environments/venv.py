"""An existing venv, created by venv, virtualenv or uv, with or without pip."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stackenv.environments.launchers import is_launcher
from stackenv.environments.module import IN_EVERY_VENV
from stackenv.environments.own_packages import list_requirements
from stackenv.environments.python import ProbedPython, probe_python
from stackenv.environments.stack import find_module_python, is_of_os
from stackenv.errors import ModuleError, StackenvError, explain, quote_word
from stackenv.lmod.bindings import Lmod
from stackenv.lmod.versions import order_module
from stackenv.plain_files import read_file_text
from stackenv.transactions.files import write_link


@dataclass(frozen=True)
class Venv:
    """A venv as its files describe it; `executable` is the real path of its base Python."""

    prefix: str
    executable: str
    sees_base_packages: bool

    @property
    def is_on_os_python(self) -> bool:
        """Whether the base Python is the operating system's."""
        return is_of_os(self.executable)


def read_configuration(path: Path) -> dict[str, str]:
    """Return the settings in a pyvenv.cfg, NAME = VALUE with lower-case names (see site.py of Python)."""
    pairs = (line.partition("=") for line in read_file_text(path).splitlines() if "=" in line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def read_venv(prefix: Path) -> Venv:
    """Return the description of the venv at `prefix`.

    Nothing is run, because its Python may need a module that is not loaded.

    Raises
    ------
    StackenvError
        If the base Python is gone; the hint says how to create the venv again.
    """
    try:
        configuration = read_configuration(prefix / "pyvenv.cfg")
    except (OSError, ValueError) as error:
        raise StackenvError(f"{prefix / 'pyvenv.cfg'} cannot be read: {explain(error)}") from error
    python = prefix / "bin/python"
    if not python.exists():
        target = python.readlink() if python.is_symlink() else configuration.get("home", "?")
        raise StackenvError(
            f"the Python that {prefix} is based on is gone: {target}", describe_remaking(prefix)
        )
    executable = find_base_python(python, configuration)
    if is_launcher(executable):
        # The script exists, but the Python that it starts is no longer in the folder of pyvenv.cfg.
        home = configuration.get("home", "?")
        raise StackenvError(
            f"the Python that {prefix} is based on is gone from {home}", describe_remaking(prefix)
        )
    sees_base = configuration.get("include-system-site-packages", "false").lower() == "true"
    return Venv(str(prefix), str(executable), sees_base)


def find_base_python(python: Path, configuration: Mapping[str, str]) -> Path:
    """Return the real path of the base Python of the venv's `python`.

    It is the target of the link or, for a copy (venv --copies), the Python that pyvenv.cfg names.
    """
    real = python.resolve()
    if not real.is_relative_to(python.parent.resolve()):
        return real
    home = Path(configuration.get("home", ""))
    named = [Path(configuration[key]) for key in ("base-executable", "executable") if key in configuration]
    for candidate in (*named, home / real.name, home / "python3", home / "python"):
        # If the Python of an environment created the venv, `executable` may be the script that starts it.
        if candidate.is_absolute() and candidate.is_file() and not is_launcher(candidate):
            return candidate.resolve()
    return real


def find_lost_links(prefix: Path, executable: str = "") -> dict[str, str]:
    """Return the links to Python that are missing in the bin of the venv at `prefix`, with their targets.

    The result is empty if the base Python is gone, too, or is not `executable`, if that is given.
    """
    try:
        configuration = read_configuration(prefix / "pyvenv.cfg")
        (library,) = (path for path in prefix.glob("lib/python3*") if path.is_dir())
    except (OSError, ValueError):
        return {}
    name, folder = library.name, prefix / "bin"
    lost = [link for link in ("python3", "python") if not (folder / link).exists()]
    # venv makes a link with the version since Python 3.10, and writes its command to pyvenv.cfg since 3.11.
    has_version = any(key in configuration for key in ("command", "uv", "virtualenv"))
    if (lost or has_version) and not (folder / name).exists():
        lost.insert(0, name)
    base = Path(configuration.get("home", ""), name)
    if not (base.is_absolute() and base.is_file()) and executable:
        base = Path(executable)
    if not base.is_file() or (executable and base.resolve() != Path(executable).resolve()):
        return {}
    return {link: str(base) if link == name else name for link in lost}


@contextlib.contextmanager
def links_made(folder: Path, links: Mapping[str, str]) -> Iterator[None]:
    """Make `links` in `folder`, as `make_links` does; restore the former state if that or the block fails."""
    before = {name: str((folder / name).readlink()) for name in links if (folder / name).is_symlink()}
    had_folder = folder.exists()
    try:
        make_links(folder, links)
        yield
    except BaseException:
        with contextlib.suppress(OSError, StackenvError):
            for name in links.keys() - before.keys():
                (folder / name).unlink(missing_ok=True)
            make_links(folder, before)
            if not had_folder:
                folder.rmdir()
        raise


def make_links(folder: Path, links: Mapping[str, str]) -> None:
    """Make `links`, names with their targets, in `folder`.

    Raises
    ------
    StackenvError
        If they cannot be written.
    """
    for name, target in links.items():
        try:
            folder.mkdir(exist_ok=True)
            write_link(folder / name, target)
        except OSError as error:
            raise StackenvError(
                f"{folder / name} could not be created: {error.strerror}",
                f"ls -ld {quote_word(folder)}; df -h {quote_word(folder)}",
            ) from error


def describe_remaking(prefix: Path) -> str:
    """Return how to create an environment with the packages of the one at `prefix`."""
    words = shlex.join(text for name, text in list_requirements(prefix) if name not in IN_EVERY_VENV)
    return f"load a Python module and create it again: stackenv create NAME {words}".rstrip()


def probe_venv(venv: Venv, environ: Mapping[str, str]) -> ProbedPython:
    """Run the Python of `venv` with `environ`, that of its modules; return how it describes itself.

    Raises
    ------
    StackenvError
        If it does not run; the hint says how to create the venv again.
    """
    try:
        return probe_python(f"{venv.prefix}/bin/python", environ)
    except StackenvError as error:
        again = describe_remaking(Path(venv.prefix))
        raise StackenvError(error.message, f"if its Python was changed, {again}") from error


def find_python_module(lmod: Lmod, executable: str) -> tuple[str, ...]:
    """Return the module whose Python is `executable`, after the modules that it requires; empty without one.

    Lmod is asked which modules add its folder, and each is loaded and compared, because a name proves
    nothing. If there are several, a loaded one is preferred, then one named Python, then the latest version.
    """
    clean = lmod.purged()
    loaded = {module.full_name for module in lmod.read_loaded()}
    candidates = sorted(list_candidates(clean, executable), key=order_module, reverse=True)
    candidates.sort(key=lambda name: (name not in loaded, not name.startswith("Python/")))
    for module in candidates:
        for way in list_ways(clean, module):
            try:
                after = clean.load(*way).environ
            except StackenvError:
                continue
            found = find_module_python(clean.environ, after)
            if found and str(Path(found).resolve()) == executable:
                return way
    return ()


def list_ways(lmod: Lmod, module: str) -> list[tuple[str, ...]]:
    """Return what to load for `module`; in a hierarchy, it requires others, perhaps one of several sets."""
    try:
        return lmod.ways_to(module) or [(module,)]
    except ModuleError:
        return [(module,)]


def list_candidates(lmod: Lmod, executable: str) -> set[str]:
    """Return the modules that may put `executable` on PATH."""
    folder = Path(executable).parent
    try:
        found = lmod.spider_reverse_map()
    except ModuleError:
        # A single modulefile that hangs makes spider fail; the others are still available.
        return {name for name in lmod.available("Python") if name.startswith("Python/")}
    places = (folder, folder.parent)
    return {
        module for place, modules in found.items() if Path(place).resolve() in places for module in modules
    }
