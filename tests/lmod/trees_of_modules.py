"""A test's own modulefiles, and an Lmod that sees only these."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from built import LMOD

from stackenv.lmod.bindings import Lmod


def quote_lua(text: str) -> str:
    """Return `text` as a Lua string, with each byte as a decimal escape."""
    return '"' + "".join(f"\\{byte:03}" for byte in text.encode()) + '"'


class Tree:
    """Modulefiles in a folder, and an Lmod that sees only these, without the caller's environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "modules"
        self.home = folder / "home"
        self.folder.mkdir()
        self.home.mkdir()

    def write(self, full_name: str, *lines: str) -> Path:
        path = self.folder / f"{full_name}.lua"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def lmod(self, timeout_s: int = 60, **environ: str) -> Lmod:
        base = {"PATH": "/usr/bin:/bin", "HOME": str(self.home), "MODULEPATH": str(self.folder)}
        return Lmod(LMOD, {**base, **environ}, timeout_s)

    def loaded(self, *names: str, **environ: str) -> Lmod:
        lmod = self.lmod(**environ)
        return replace(lmod, environ=lmod.load(*names).environ)


def load_in_bash(lmod: Lmod, *names: str) -> dict[str, str]:
    script = 'eval "$("$0" bash load "$@")"; env -0'
    command = ["bash", "--norc", "-c", script, lmod.command, *names]
    done = subprocess.run(command, env=dict(lmod.environ), capture_output=True, check=True)
    return dict(os.fsdecode(entry).split("=", 1) for entry in done.stdout.split(b"\0") if entry)


# Lmod's module table, whose pieces depend on a line width, and variables that bash itself sets.
NOT_COMPARED = ("_ModuleTable", "_", "SHLVL", "PWD", "OLDPWD")


def compared(environ: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in environ.items() if not k.startswith("_ModuleTable") and k not in NOT_COMPARED}


def write_stack(tree: Tree) -> None:
    """Write a bundle that depends on a Python, which loads a sticky compiler."""
    tree.write("Compiler/1", 'setenv("COMPILER", "1")', 'add_property("lmod", "sticky")')
    tree.write("Python/3.11", 'load("Compiler")', 'prepend_path("PATH", "/sw/Python/3.11/bin")')
    tree.write("Bundle/2.0", 'depends_on("Python/3.11")', 'prepend_path("PYTHONPATH", "/sw/Bundle/2.0/lib")')
