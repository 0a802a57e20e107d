"""A user of a stack: a home of their own, a shell in which `module` works, and the command `stackenv`."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from built import CHECKOUT, LMOD
from copied_ensurepip import CHOSEN_PIP
from filelock import FileLock
from forked import run_stackenv
from stacked import WORK, Stack

STACKENV = str(WORK / "venv/bin/stackenv")
INIT = str(Path(LMOD).parents[1] / "init/bash")
# Variables by which the caller reaches the package index: certificates, proxies, mirrors.
NETWORK = re.compile(r"(?i)(PIP|UV)_(CERT|INDEX|DEFAULT|EXTRA)|SSL_CERT|CA_BUNDLE|_PROXY$")


@dataclass(frozen=True)
class User:
    """A user at `home` with the variables `environ`, none of which are the caller's."""

    home: Path
    environ: dict[str, str]
    stack: Stack

    @property
    def modules(self) -> Path:
        return self.home / "modules"

    def run(self, script: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run `script` in the home, in a fresh bash in which `module` and `ml` are defined."""
        return subprocess.run(
            ["bash", "--norc", "--noprofile", "-c", f'. "{INIT}"\n{script}'],
            env={**self.environ, **changes},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def stackenv(
        self, *arguments: str, load: Sequence[str] = (), **changes: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `stackenv ARGUMENTS` in the home, in a shell in which Lmod has loaded the modules `load`."""
        return run_stackenv(arguments, {**self.environ, **changes}, self.home, load)


def make_user(folder: Path, stack: Stack) -> User:
    """Return a user of `stack` whose home and temporary folder are created below `folder` if missing."""
    home, temporary = folder / "home", folder / "tmp"
    (home / "venvs").mkdir(parents=True, exist_ok=True)
    temporary.mkdir(exist_ok=True)
    environ = {
        "HOME": str(home),
        "PATH": f"{WORK / 'venv/bin'}:/usr/bin:/bin",
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "LMOD_CMD": LMOD,
        "MODULEPATH": stack.modulepath,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": stack.wheels,
        "UV_OFFLINE": "1",
        "UV_FIND_LINKS": stack.wheels,
        "UV_CACHE_DIR": str(folder / "uv-cache"),
        "STACKENV_SITE_CONFIG": str(CHECKOUT / "site-config/default.yaml"),
        **CHOSEN_PIP,
    }
    return User(home, environ, stack)


def online() -> dict[str, str]:
    """Return the variables with which pip, uv and others reach the package index as the caller does."""
    reach = {name: value for name, value in os.environ.items() if NETWORK.search(name)}
    return {**reach, "PIP_NO_INDEX": "", "PIP_FIND_LINKS": "", "UV_OFFLINE": "0", "UV_FIND_LINKS": ""}


def make_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return the folder `name`, which `make` fills once for all the processes of a test run."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name.replace(" ", "-")
    finished = Path(f"{folder}.finished")
    with FileLock(f"{folder}.lock"):
        if folder.exists() and not finished.exists():
            raise RuntimeError(f"another process could not make {folder}: its test says why")
        if not folder.exists():
            folder.mkdir()
            make(folder)
            finished.touch()
    return folder
