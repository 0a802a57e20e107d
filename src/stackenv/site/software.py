"""The software that a site installs and that has a module of stackenv's: a conda, or stackenv itself.

The hooks and `stackenv site install` treat both in the same way: they write the files that the module needs
into the installation, load the modulefile in real shells, and write it.
"""

from __future__ import annotations

import os
import shlex
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from stackenv.captured_run import find_failure
from stackenv.conda.condarc_validation import validate_condarc
from stackenv.conda.install import install_files, is_foreign, is_our_mark
from stackenv.conda.installation import CondaInstallation, check_module_name, check_root, probe_installation
from stackenv.conda.module import LIBEXEC, MAMBA_FILES, describe_conda_module, describe_installed_files
from stackenv.configuration.schema import CONDA_DISTRIBUTIONS
from stackenv.configuration.settings import SiteConfiguration
from stackenv.errors import InstallationError, UsageError, quote_word
from stackenv.modulefile import InstalledFile, ModuleSpec
from stackenv.modulefile.text import render_installed_file, render_module
from stackenv.site.base import compile_answers, describe_foreign, empty_cache, set_frozen
from stackenv.site.load_test import LoadTestReport, run_load_test
from stackenv.site.readers import find_closed
from stackenv.site.stackenv_module import describe_stackenv_module
from stackenv.transactions.files import write_file

STACKENV = "stackenv"
# Time limit for the installation's Python to write man pages.
TIMEOUT_S = 300
# How to create the virtual environment for `stackenv site install`.
MAKE_VENV = "python3 -m venv PREFIX && PREFIX/bin/python -m pip install stackenv click-man"


@dataclass(frozen=True)
class Software(ABC):
    """An installation, and what its module needs.

    Parameters
    ----------
    name
        The name of the software: Anaconda3, stackenv.
    module
        The name for `module load`: Anaconda3/2024.02-1.
    root
        The prefix, an absolute path, spelled as in the module.
    configuration
        The active site configuration.
    """

    name: str
    module: str
    root: str
    configuration: SiteConfiguration

    @property
    @abstractmethod
    def summary(self) -> str:
        """What the software is, in a few words."""

    @abstractmethod
    def describe(self) -> ModuleSpec:
        """Return the description of stackenv's part of the modulefile."""

    @abstractmethod
    def list_programs(self) -> Mapping[str, str]:
        """Return the programs that the load test tries, by the placeholders in its scripts."""

    @property
    def is_complete(self) -> bool:
        """Whether the installation already contains all that its module needs, as with the easyconfig."""
        return False

    def list_files(self) -> tuple[InstalledFile, ...]:
        """Return the files that the module needs in the installation."""
        return ()

    def list_files_outside(self) -> list[InstalledFile]:
        """Return those of `list_files` that are not in `LIBEXEC`."""
        return [file for file in self.list_files() if not file.path.startswith(f"{self.root}/{LIBEXEC}/")]

    def list_outside(self) -> list[Path]:
        """Return the paths of stackenv's files, present or future, that are not in `LIBEXEC`."""
        return []

    def list_removable(self) -> list[Path]:
        """Return those of `list_outside` that exist and are removed with the module."""
        return [path for path in self.list_outside() if path.exists()]

    def check(self) -> Iterator[str]:
        """Yield warnings before anything is written; raise StackenvError if it could not work."""
        yield from ()

    def is_unreadable(self) -> bool:
        """Return whether users cannot read programs that the module runs and stackenv did not write."""
        return False

    def stage(self, folder: Path) -> Iterator[str]:
        """Write the future contents of the installation's `LIBEXEC` to `folder`; yield warnings."""
        final, templates = f"{self.root}/{LIBEXEC}", self.configuration.conda.templates
        for file in self.list_files():
            if file.path.startswith(f"{final}/"):
                path = f"{folder}{file.path[len(final) :]}"
                text = render_installed_file(replace(file, path=path), templates)
                write_file(Path(path), text, file.executable, by_umask=True)
        yield from ()

    def install_outside(self) -> Iterator[str]:
        """Write the files that are not in `LIBEXEC`; yield warnings."""
        yield from map(
            describe_foreign, install_files(self.list_files_outside(), self.configuration.conda.templates)
        )

    def settle(self, emptying: bool) -> Iterator[str]:
        """Do what follows after the files, `emptying` the installer's package cache; yield what was done."""
        yield from ()

    def render(self) -> str:
        """Return stackenv's part of the modulefile."""
        return render_module(self.describe(), self.configuration.conda.templates)

    def test(self, text: str) -> LoadTestReport:
        """Load the modulefile `text` in the shells of the site configuration; return the report.

        Raises
        ------
        VerificationError
            If the test fails in a shell.
        """
        settings = self.configuration.conda.load_test
        return run_load_test(text, self.module, self.root, self.list_programs(), settings)


@dataclass(frozen=True)
class CondaSoftware(Software):
    """A conda installation."""

    installation: CondaInstallation

    @property
    def summary(self) -> str:
        return "conda, without conda init"

    def describe(self) -> ModuleSpec:
        return describe_conda_module(self.installation, self.configuration.conda)

    def list_programs(self) -> Mapping[str, str]:
        mamba = "mamba" if self.installation.mamba else ""
        return {"PYTHON": f"{self.root}/bin/python", "MAMBA": mamba}

    def list_files(self) -> tuple[InstalledFile, ...]:
        return describe_installed_files(self.installation, self.configuration.conda)

    def stage(self, folder: Path) -> Iterator[str]:
        yield from super().stage(folder)
        # Without --rebuild, EasyBuild keeps files that an earlier build wrote for a mamba that is gone.
        for name in () if self.installation.mamba else MAMBA_FILES:
            (folder / name).unlink(missing_ok=True)

    def list_outside(self) -> list[Path]:
        beside = [Path(file.path) for file in self.list_files_outside()]
        return [*(path for path in beside if not is_foreign(path)), Path(self.root, "conda-meta/frozen")]

    def list_removable(self) -> list[Path]:
        return [p for p in super().list_removable() if p.name != "frozen" or is_our_mark(p)]

    def check(self) -> Iterator[str]:
        yield from validate_condarc(self.installation, self.configuration, os.environ)

    def settle(self, emptying: bool) -> Iterator[str]:
        for settle in (*([empty_cache] if emptying else []), set_frozen, compile_answers):
            done = settle(self.installation, self.configuration.conda)
            if done:
                yield done


@dataclass(frozen=True)
class StackenvSoftware(Software):
    """stackenv itself; `folder` contains the folders bin, man and completions of the module."""

    folder: str

    @property
    def summary(self) -> str:
        return "Python environments as modules, based on the cluster's modules"

    def describe(self) -> ModuleSpec:
        return describe_stackenv_module(self.module, self.folder, self.configuration)

    def list_programs(self) -> Mapping[str, str]:
        return {"COMMAND": f"{self.folder}/bin/stackenv"}

    def check(self) -> Iterator[str]:
        closed = [str(path) for path in find_closed([self.configuration.path])]
        if closed:
            yield (
                f"users cannot read the site configuration {self.configuration.path}, so all their "
                f"`stackenv` commands would fail; to fix this: chmod a+rX {shlex.join(closed)}"
            )

    def is_unreadable(self) -> bool:
        # A umask affects all files of an installation, so it is enough to check some of them.
        places = [Path(self.root, "bin"), *Path(self.root).glob("lib*/python3*/site-packages")]
        return any(path.is_relative_to(self.root) for path in find_closed(places))

    @property
    def is_complete(self) -> bool:
        return self.folder == self.root

    def stage(self, folder: Path) -> Iterator[str]:
        if self.is_complete:
            return
        python = f"{self.root}/bin/python"
        command = [python, "-I", "-m", "stackenv.cli.completions_and_man", str(folder), self.folder]
        words = find_failure(command, TIMEOUT_S)
        if words:
            raise InstallationError(
                f"the stackenv in {self.root} could not write the files for its module: {words}",
                f"{quote_word(python)} -I -m pip install --upgrade stackenv",
            )
        if not (folder / "man").is_dir():
            pip = f"{quote_word(python)} -m pip install click-man"
            yield f"man pages were not written; to add them: {pip}, then run the same command again"


def describe_software(name: str, module: str, root: str, configuration: SiteConfiguration) -> Software:
    """Return the software `name` at `root` as if it were installed; nothing is checked."""
    root = check_root(root)
    if name == STACKENV:
        return StackenvSoftware(name, module, root, configuration, root)
    return CondaSoftware(name, module, root, configuration, CondaInstallation(name, module, root))


def find_software(name: str, module: str, root: str, configuration: SiteConfiguration) -> Software:
    """Return the software `name` at `root`, to which `module` points; start no process.

    stackenv is either an installation by the easyconfig, or a virtual environment into which pip installed
    it. For the latter, the module uses a separate folder, because the environment's bin also contains a
    Python.

    Raises
    ------
    UsageError
        If the software is unknown, or `module` is not a valid name of a module.
    InstallationError
        If it is not at `root`.
    """
    if name in CONDA_DISTRIBUTIONS:
        installation = probe_installation(name, module, root)
        return CondaSoftware(name, module, installation.root, configuration, installation)
    if name != STACKENV:
        raise UsageError(
            f"stackenv has no module for {name}",
            f"choose --name from {', '.join((*CONDA_DISTRIBUTIONS, STACKENV))}",
        )
    root, module = check_root(root), check_module_name(module)
    is_venv = Path(root, "pyvenv.cfg").is_file()
    for relative in ("bin/stackenv", *(["bin/python"] if is_venv else [])):
        path = Path(root, relative)
        if not path.is_file() or not os.access(path, os.X_OK):
            why = "is not executable" if path.exists() else "not found"
            raise InstallationError(f"stackenv is not installed in {root}: {path} {why}", MAKE_VENV)
    return StackenvSoftware(name, module, root, configuration, f"{root}/{LIBEXEC}" if is_venv else root)
