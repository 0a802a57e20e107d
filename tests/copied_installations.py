"""Quick copies of the conda installations that EasyBuild has built, for tests that change them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from built import LMOD, WORK, BuiltModules

COMMAND = str(Path(sysconfig.get_path("scripts"), "stackenv"))

# Folders that nothing changes; they contain most of the files.
SHARED = ("lib", "lib64", "pkgs", "share", "include", "easybuild")


def copy_installation(source: Path, root: Path, change: Callable[[bytes], bytes] = bytes) -> None:
    """Copy the installation at `source` to `root`: its packages are linked, its other files copied.

    In scripts and in stackenv's own files `root` replaces `source`; `change` is then applied to stackenv's
    own files. The modification times of all other files are kept.
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
    """Make modules below `folder` like those of `conda.native_activation: false`, which ask conda each time.

    They differ in how the installation's Python is started, and in nothing else
    (test_native_activation_changes_only_the_options_of_the_python_calls in tests/pure/test_render.py).
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


def install_modules_by_hand(built: BuiltModules, folder: Path) -> BuiltModules:
    """Make the modules with `stackenv site install`, from installations that no EasyBuild hook changed."""
    for source in Path(built.modulepath).glob("*/*.lua"):
        name = source.relative_to(built.modulepath).with_suffix("")
        copy_bare_installation(Path(built.software, name), folder / "software" / name)
        install_by_hand(folder, name)
    return BuiltModules(str(folder / "modules/all"), str(folder / "software"))


def install_by_hand(folder: Path, name: Path) -> None:
    """Make the module `name` below `folder` with `stackenv site install`, from `folder`/software."""
    root, modulefile = folder / "software" / name, folder / "modules/all" / f"{name}.lua"
    done = subprocess.run(
        [
            *(COMMAND, "site", "install", "--name", name.parent.name, "--version", name.name),
            *("--root", root, "--modulefile", modulefile, "--config", WORK / "built/site.yaml"),
        ],
        env={**os.environ, "LMOD_CMD": LMOD},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)


def choose_mamba(built: BuiltModules, factory: pytest.TempPathFactory) -> BuiltModules:
    """Return modules with which tests load Miniforge3 and run mamba: a stand-in, or a real one.

    The real one is used if STACKENV_TEST_CONDA is the prefix of a conda that has bin/mamba. The prefix is
    not changed: `stackenv site install` makes the module for a copy.
    """
    mamba = replace(built, module=built.miniforge, command="mamba")
    prefix = Path(os.environ.get("STACKENV_TEST_CONDA", "/nowhere"))
    if not (prefix / "bin/mamba").exists():
        return mamba
    folder = factory.mktemp("mamba")
    copy_installation(prefix, folder / "software" / built.miniforge)
    install_by_hand(folder, Path(built.miniforge))
    # The other modules stay available, because tests swap to them.
    modulepath = f"{folder}/modules/all:{built.modulepath}"
    return replace(mamba, modulepath=modulepath, elsewhere=f"{folder}/software/{built.miniforge}")


def copy_bare_installation(source: Path, root: Path) -> None:
    """Copy the installation at `source` to `root`, without the files of stackenv."""
    copy_installation(source, root)
    shutil.rmtree(root / "libexec")
    shutil.rmtree(root / "condarc.d")
    (root / "pip.conf").unlink()
    (root / "conda-meta/frozen").unlink(missing_ok=True)


def separate_packages(root: Path) -> Path:
    """Give a copied installation a packages folder of its own, with links; return the folder."""
    separate_folder(root / "lib")
    for python in root.glob("lib/python3*"):
        if python.is_dir():
            separate_folder(python)
            separate_folder(python / "site-packages")
            return python / "site-packages"
    raise FileNotFoundError(f"{root}/lib holds no Python")


def separate_folder(path: Path) -> None:
    """Replace the link `path` by a folder with links to the entries of its target."""
    entries = list(path.resolve().iterdir())
    path.unlink()
    path.mkdir()
    for entry in entries:
        (path / entry.name).symlink_to(entry)
