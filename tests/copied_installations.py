"""Installations of conda for tests that change them, made of those that EasyBuild has built in no time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from built import BuiltModules

# What nothing changes; most of the files are there.
SHARED = ("lib", "lib64", "pkgs", "share", "include", "easybuild")


def copy_installation(source: Path, root: Path, change: Callable[[bytes], bytes] = bytes) -> None:
    """Make an installation at `root` of the one at `source`: its packages are shared, its own files copied.

    `change` is given the text of each file of ours, with the path of `root` in it. Times are kept.
    """
    root.mkdir(parents=True)
    for entry in source.iterdir():
        if entry.name in SHARED:
            (root / entry.name).symlink_to(entry)
        elif entry.is_dir():
            shutil.copytree(entry, root / entry.name, symlinks=True)
        else:
            shutil.copy2(entry, root / entry.name)
    ours = root / "libexec/stackenv"
    for folder in (root / "bin", root / "condabin", root / "etc", ours):
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.suffix not in (".pyc", ".compiled"):
                text = path.read_bytes().replace(os.fsencode(source), os.fsencode(root))
                path.write_bytes(change(text) if path.is_relative_to(ours) else text)


def copy_modules_that_ask_conda(built: BuiltModules, folder: Path) -> BuiltModules:
    """Make modules below `folder` as `conda.native_activation: false` has them: conda is asked each time.

    They differ in how the installation's Python is started, and in nothing else
    (test_conda_is_asked_by_another_start_alone in tests/pure/test_render.py).
    """
    software, modules = folder / "software", folder / "modules/all"

    def ask_conda(text: bytes) -> bytes:
        return text.replace(b"-ISB", b"-I")

    for source in Path(built.modulepath).glob("*/*.lua"):
        name = source.relative_to(built.modulepath)
        root = Path(built.software, name.with_suffix(""))
        copy_installation(root, software / name.with_suffix(""), ask_conda)
        (modules / name).parent.mkdir(parents=True, exist_ok=True)
        text = source.read_bytes().replace(os.fsencode(built.software), os.fsencode(software))
        (modules / name).write_bytes(ask_conda(text))
    return BuiltModules(str(modules), str(software))


def separate_packages(root: Path) -> Path:
    """Give an installation that `copy_installation` made its own folder of packages, of links; return it."""
    separate_folder(root / "lib")
    for python in root.glob("lib/python3*"):
        if python.is_dir():
            separate_folder(python)
            separate_folder(python / "site-packages")
            return python / "site-packages"
    raise FileNotFoundError(f"{root}/lib holds no Python")


def separate_folder(path: Path) -> None:
    """Make of the link `path` a folder with links to all that is there."""
    entries = list(path.resolve().iterdir())
    path.unlink()
    path.mkdir()
    for entry in entries:
        (path / entry.name).symlink_to(entry)
