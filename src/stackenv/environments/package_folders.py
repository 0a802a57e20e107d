"""The folders of an environment's packages: in lib, and with some Pythons also in lib64."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

# The folders for pure packages, and for packages with compiled code.
LIBRARIES = ("lib", "lib64")
NOT_PURE = re.compile(r"^Root-Is-Purelib:\s*false", re.M | re.I)


def list_package_folders(prefix: Path) -> list[Path]:
    """Return the folders of the environment at `prefix` into which pip and uv install packages.

    There are two if virtualenv created it from a Python like Fedora's; venv makes lib64 a link to lib.
    """
    libraries = LIBRARIES[:1] if (prefix / LIBRARIES[1]).is_symlink() else LIBRARIES
    return [f for lib in libraries for f in sorted(prefix.glob(f"{lib}/python3*/site-packages"))]


def find_in_packages(prefix: Path, pattern: str) -> Iterator[Path]:
    """Yield the paths that match the glob `pattern` in the package folders of the environment at `prefix`."""
    return (path for folder in list_package_folders(prefix) for path in folder.glob(pattern))


def name_package_folders(prefix: Path) -> list[str]:
    """Return the folders of `list_package_folders` relative to `prefix`."""
    return [str(folder.relative_to(prefix)) for folder in list_package_folders(prefix)]


def is_pure(wheel: str) -> bool:
    """Return whether a package runs on all platforms, by the text of its WHEEL (PEP 427, Root-Is-Purelib)."""
    return not NOT_PURE.search(wheel)


def choose_package_folder(prefix: Path, minor: str, pure: bool) -> Path:
    """Return the folder for `pure`, or other, packages in the environment at `prefix` of Python `minor`."""
    for_all, platform = (prefix / lib / f"python{minor}/site-packages" for lib in LIBRARIES)
    return for_all if pure or platform not in list_package_folders(prefix) else platform
