"""The home of a test's user, with environments whose `python` prints which one they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ACTIVATION = {
    "activate": {"sh": "export {0}=1", "csh": "setenv {0} 1", "fish": "set -gx {0} 1"},
    "deactivate": {"sh": "unset {0}", "csh": "unsetenv {0}", "fish": "set -e {0}"},
}


def make_environment(prefix: Path, variable: str = "", script: str = "") -> Path:
    """Create what conda accepts as an environment, with a `python` that prints the environment's name."""
    (prefix / "conda-meta").mkdir(parents=True)
    (prefix / "conda-meta/history").touch()
    (prefix / "bin").mkdir()
    python = prefix / "bin/python"
    python.write_text(f"#!/bin/sh\necho 'python of {prefix.name}'\n")
    python.chmod(0o755)
    for when, dialects in ACTIVATION.items():
        folder = prefix / f"etc/conda/{when}.d"
        folder.mkdir(parents=True)
        for dialect, line in dialects.items():
            text = line.format(variable) if variable else ""
            if script and dialect == "sh" and when == "activate":
                text = script
            (folder / f"test.{dialect}").write_text(text + "\n")
    return prefix


@dataclass(frozen=True)
class Stack:
    """The built modules, and the test's own home with the environments one, two and three.

    `command` is what is typed after a load of `module`, conda or mamba; `used` is its installation.
    """

    modulepath: str
    software: str
    home: Path
    miniconda: str
    module: str
    command: str
    used: str

    @property
    def load(self) -> str:
        return f"module load {self.module}"

    @property
    def unload(self) -> str:
        return f"module unload {self.module.partition('/')[0]}"

    @property
    def environments(self) -> Path:
        return self.home / "conda/envs"

    def root(self, version: str, name: str = "Anaconda3") -> str:
        return f"{self.software}/{name}/{version}"

    def folder(self, name: str) -> Path:
        path = self.home.parent / name
        path.mkdir()
        return path

    def environ(self, **more: str) -> dict[str, str]:
        """Return the environment of a login, with nothing from this machine."""
        return {
            "HOME": str(self.home),
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "MODULEPATH": self.modulepath,
            "TERM": "dumb",
            "LANG": "C.UTF-8",
            "USER": "user",
            **more,
        }
