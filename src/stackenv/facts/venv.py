"""A venv that exists already: made by venv, virtualenv or uv, with or without pip."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stackenv.errors import StackenvError
from stackenv.facts.lmod import Lmod
from stackenv.facts.python import ProbedPython, probe_python
from stackenv.facts.stack import find_module_python

OS_FOLDERS = ("/usr/bin", "/bin", "/usr/local/bin", "/usr/libexec")


@dataclass(frozen=True)
class Venv:
    """A venv, as pyvenv.cfg and its own interpreter tell it.

    `executable` is the real path of the Python beneath.
    """

    prefix: str
    executable: str
    sees_base_packages: bool
    probed: ProbedPython

    @property
    def is_on_os_python(self) -> bool:
        """True when the Python beneath is the operating system's."""
        return os.path.dirname(self.executable) in OS_FOLDERS  # noqa: PTH120 (a string in, a string out)


def read_configuration(path: Path) -> dict[str, str]:
    """Return the keys of a pyvenv.cfg (standard library, site.py: NAME = VALUE, lower case)."""
    pairs = (line.partition("=") for line in path.read_text(encoding="utf-8").splitlines() if "=" in line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def list_requirements(prefix: Path) -> list[str]:
    """Return the packages in the site-packages of `prefix`, as NAME==VERSION, without running anything."""
    folders = [str(folder) for folder in prefix.glob("lib/python3*/site-packages")]
    found = {f"{d.metadata['Name']}=={d.version}" for d in importlib.metadata.distributions(path=folders)}
    return sorted(entry for entry in found if not entry.startswith(("pip==", "setuptools==", "wheel==")))


def probe_venv(prefix: Path, environ: Mapping[str, str]) -> Venv:
    """Return what the venv at `prefix` is; its interpreter is run under `environ`.

    Raises
    ------
    StackenvError
        When the Python beneath is gone or does not run; the hint says how to make it anew.
    """
    try:
        configuration = read_configuration(prefix / "pyvenv.cfg")
    except (OSError, ValueError) as error:
        raise StackenvError(f"{prefix / 'pyvenv.cfg'} cannot be read: {error}") from error
    python = prefix / "bin/python"
    requirements = list_requirements(prefix)
    anew = f"load a Python module and make it anew: stackenv create NAME {' '.join(requirements)}".rstrip()
    if not python.exists():
        target = python.readlink() if python.is_symlink() else configuration.get("home", "?")
        raise StackenvError(f"the Python that {prefix} stands on is gone: {target}", anew)
    try:
        probed = probe_python(str(python), environ)
    except StackenvError as error:
        raise StackenvError(error.message, f"if its Python was changed, {anew}") from error
    sees_base = configuration.get("include-system-site-packages", "false").lower() == "true"
    return Venv(str(prefix), str(python.resolve()), sees_base, probed)


def find_python_module(lmod: Lmod, executable: str) -> str:
    """Return the module whose python is really `executable`; empty when none is found.

    Lmod is asked which modules lead to its folder, and each is loaded and compared: a name proves
    nothing.
    """
    clean = lmod.purged()
    folder = Path(executable).parent
    candidates: dict[str, None] = {}
    for place, modules in clean.spider_reverse_map().items():
        if Path(place).resolve() in (folder, folder.parent):
            candidates.update(dict.fromkeys(modules))
    for module in candidates:
        try:
            after = clean.load(module).environ
        except StackenvError:
            continue
        found = find_module_python(clean.environ, after)
        if found and str(Path(found).resolve()) == executable:
            return module
    return ""
