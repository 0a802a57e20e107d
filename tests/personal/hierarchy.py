"""A hierarchy of modules, written by real EasyBuild: GCC, OpenMPI, and SciPy-bundle behind both.

Its installations of Python and SciPy-bundle are copies of those of `tests/stack`, for which EasyBuild writes
new modulefiles (`--module-only --module-naming-scheme=HierarchicalMNS`). Its GCC and OpenMPI are empty.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

from built import LMOD, WORK
from stacked import Stack

PYTHON = "3.11.2"
# Versions of GCC, OpenMPI, gompi and SciPy-bundle, and of the installation of SciPy-bundle that is copied.
GENERATIONS = (
    ("12.3.0", "4.1.5", "2023a", "2023.07", "2023.07-gfbf-2023a"),
    ("13.2.0", "4.1.6", "2023b", "2023.11", "2023.11-gfbf-2023b"),
)
FIRST = ("GCC/12.3.0", "OpenMPI/4.1.5", "SciPy-bundle/2023.07")
NEXT = ("GCC/13.2.0", "OpenMPI/4.1.6", "SciPy-bundle/2023.11")
EASYCONFIG = """\
easyblock = '{block}'
name = '{name}'
version = '{version}'
homepage = 'https://example.org'
description = 'Of a hierarchy of the tests.'
toolchain = {toolchain}
dependencies = {dependencies}
moduleclass = '{kind}'
"""


def write_easyconfigs(folder: Path) -> None:
    """Write the easyconfigs of both generations, under the names that --robot looks for."""
    for gcc, mpi, gompi, bundle, _ in GENERATIONS:
        of_gcc = f"[('GCC', '{gcc}'), ('OpenMPI', '{mpi}', '', ('GCC', '{gcc}'))]"
        on_python = f"[('Python', '{PYTHON}', '', ('GCCcore', '{gcc}'))]"
        for name, version, toolchain, block, kind, dependencies in (
            ("GCCcore", gcc, "", "Bundle", "compiler", "[]"),
            ("GCC", gcc, "", "Bundle", "compiler", f"[('GCCcore', '{gcc}')]"),
            ("OpenMPI", mpi, f"GCC-{gcc}", "Bundle", "mpi", "[]"),
            ("gompi", gompi, "", "Toolchain", "toolchain", of_gcc),
            ("Python", PYTHON, f"GCCcore-{gcc}", "EB_Python", "lang", "[]"),
            ("SciPy-bundle", bundle, f"gompi-{gompi}", "PythonBundle", "lang", on_python),
        ):
            of = "{{'name': '{}', 'version': '{}'}}".format(*toolchain.split("-")) if toolchain else "SYSTEM"
            text = EASYCONFIG.format(
                **{"block": block, "name": name, "version": version, "kind": kind},
                **{"toolchain": of, "dependencies": dependencies},
            )
            (folder / f"{'-'.join(filter(None, [name, version, toolchain]))}.eb").write_text(text)


def make_hierarchy(folder: Path, stack: Stack, easybuild: str, scheme: str = "HierarchicalMNS") -> None:
    """Create the modulefiles and installations below `folder` with EasyBuild, by its name eb4 or eb5."""
    software, binary = folder / "eb/software", WORK / easybuild / "bin"
    for name in ("easyconfigs", "home"):
        (folder / name).mkdir()
    for gcc, _, gompi, bundle, installed in GENERATIONS:
        for source, target in (
            (f"Python/{PYTHON}-GCCcore-{gcc}", f"Python/{PYTHON}-GCCcore-{gcc}"),
            (f"SciPy-bundle/{installed}", f"SciPy-bundle/{bundle}-gompi-{gompi}"),
        ):
            shutil.copytree(Path(stack.software, source), software / target, symlinks=True)
    write_easyconfigs(folder / "easyconfigs")
    options = (f"--module-naming-scheme={scheme}", "--module-only", "--force")
    files = sorted((folder / "easyconfigs").glob("*.eb"))
    done = subprocess.run(
        [binary / "eb", *options, f"--robot={folder / 'easyconfigs'}", *files],
        env={
            **{"HOME": str(folder / "home"), "PATH": f"{binary}:/usr/local/bin:/usr/bin:/bin"},
            **{"EB_PYTHON": str(binary / "python"), "LMOD_CMD": LMOD, "LANG": "C.UTF-8"},
            **{"EASYBUILD_PREFIX": str(folder / "eb"), "EASYBUILD_MODULE_DEPENDS_ON": "1"},
            "EASYBUILD_ALLOW_USE_AS_ROOT_AND_ACCEPT_CONSEQUENCES": "1",
            **({"EASYBUILD_DISABLE_RPATH": "1"} if easybuild == "eb5" else {}),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def open_hierarchy(folder: Path, stack: Stack) -> Stack:
    """Return `stack` as a hierarchy, whose `modulepath` has only the modules that can be loaded directly."""
    return replace(stack, name="hierarchy", modulepath=str(folder / "eb/modules/all/Core"))
