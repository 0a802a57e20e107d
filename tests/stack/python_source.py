"""The source archive of the stack's Python: the interpreter of this machine as plain CPython installs it."""

from __future__ import annotations

import platform
import shutil
import sys
import sysconfig
import tarfile
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from copied_ensurepip import make_ensurepip_copy, make_image

# What is no part of a plain installation, or is large and of no use here. A distributor's
# sitecustomize.py would hide EasyBuild's own.
LEFT_OUT = (
    *("__pycache__", "test", "tests", "idlelib", "turtledemo", "config-*", "*.a"),
    *("site-packages", "dist-packages", "EXTERNALLY-MANAGED", "sitecustomize.py", "_distutils_system_mod.py"),
)
# Ahead of this line of Debian's sysconfig.py: the functions that follow use it in their defaults.
SCHEMES_BEFORE = "def get_preferred_scheme("
PLAIN_SCHEMES = """\
def _get_preferred_schemes():
    return {"prefix": "posix_prefix", "home": "posix_home", "user": "posix_user"}


"""
# Appended to Debian's ensurepip.
PLAIN_ENSUREPIP = """

def _ensurepip_is_disabled_in_debian_for_system():
    pass
"""
# Debian's site.py, frozen into the interpreter, knows dist-packages only; it runs this line there.
PLAIN_SITE = (
    "import os, site, sys; sys.path.remove(sitedir); "
    'site.addsitedir(os.path.join(os.path.dirname(sitedir), "site-packages"))\n'
)
RELOCATION = """

def _relocate(base={base!r}):
    import os
    import sys

    for name, value in build_time_vars.items():
        if isinstance(value, str) and (value + "/").startswith(base + "/"):
            here = sys.base_prefix + value[len(base):]
            if os.path.exists(here):
                build_time_vars[name] = here
    build_time_vars["WHEEL_PKG_DIR"] = os.path.join(os.path.dirname(os.__file__), "ensurepip", "_bundled")


_relocate()
"""


def write_python_source(
    recipe: Path, wheels: Iterable[Path], scratch: Path, image: Path, archive: Path
) -> None:
    """Write the archive that EasyBuild's own easyblock of Python configures, makes and installs.

    Parameters
    ----------
    recipe
        The folder of configure and Makefile.
    wheels
        Of pip and setuptools, for ensurepip.
    scratch
        A folder that can be written to.
    image
        A new folder, for what its ensurepip puts into each venv; it must stay where it is.
    archive
        An uncompressed tar file.
    """
    top = scratch / archive.stem
    shutil.copytree(recipe, top)
    library = stage_python(top / "tree", wheels)
    make_image(top / "tree/bin/python", image)
    make_ensurepip_copy(library, image)
    with tarfile.open(archive, "w") as tar:
        tar.add(top, top.name)


def stage_python(tree: Path, wheels: Iterable[Path]) -> Path:
    """Copy the running Python's base to `tree`, without its distributor's changes; return the library."""
    executable = Path(getattr(sys, "_base_executable", None) or sys.executable).resolve()
    stdlib = Path(sysconfig.get_path("stdlib"))
    minor = "python" + platform.python_version().rpartition(".")[0]
    library = tree / "lib" / minor
    shutil.copytree(stdlib, library, symlinks=False, ignore=shutil.ignore_patterns(*LEFT_OUT))
    shutil.copytree(sysconfig.get_path("include"), tree / "include" / minor)
    (library / "site-packages").mkdir()
    (tree / "bin").mkdir()
    shutil.copy2(executable, tree / "bin" / minor)
    shutil.copy2(executable.with_name(f"{minor}-config").resolve(), tree / "bin" / f"{minor}-config")
    for name in ("python", "python3"):
        (tree / "bin" / name).symlink_to(minor)
    (tree / "bin/python-config").symlink_to(f"{minor}-config")
    if "posix_local" in sysconfig.get_scheme_names():
        undo_debian(library)
    for path in library.glob("_sysconfigdata_*.py"):
        append(path, RELOCATION.format(base=sys.base_prefix))
    bundled = library / "ensurepip/_bundled"
    shutil.rmtree(bundled, ignore_errors=True)
    bundled.mkdir()
    for wheel in wheels:
        shutil.copy2(wheel, bundled)
    return library


def undo_debian(library: Path) -> None:
    """Bring back CPython's own folders and ensurepip."""
    sysconfig_text = (library / "sysconfig.py").read_text()
    if sysconfig_text.count(SCHEMES_BEFORE) != 1:
        raise SystemExit(
            f"build.py: {library / 'sysconfig.py'} has not one {SCHEMES_BEFORE!r}: unknown patches"
        )
    (library / "sysconfig.py").write_text(
        sysconfig_text.replace(SCHEMES_BEFORE, PLAIN_SCHEMES + SCHEMES_BEFORE)
    )
    append(library / "ensurepip/__init__.py", PLAIN_ENSUREPIP)
    (library / "dist-packages").mkdir()
    (library / "dist-packages/site-packages.pth").write_text(PLAIN_SITE)


def append(path: Path, text: str) -> None:
    """Append `text` to the file at `path`."""
    path.write_text(path.read_text() + text)
