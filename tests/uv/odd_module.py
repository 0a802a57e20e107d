"""A module whose packages have metadata in every format, with names and versions of every kind."""

from __future__ import annotations

import os
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

from stacked import Stack
from users import User, make_user
from wheels import make_wheel

MODULE = "Odd/1"
# From wheels: names with dots, dashes, underscores and capitals, and the version of a local build.
FROM_WHEELS = {
    "plain": "1.0",
    "dot.ted": "1.0",
    "with-dash": "2.0.post1",
    "under_score": "1.0rc1",
    "CamelCase": "1!3.0",
    "local-build": "1.0+cu118",
    "latin-one": "1.0",
}
# From setuptools and distutils.
FROM_SETUP = {"EggInfo-folder": "1.5", "in-an.egg": "1.5", "egg-info-file": "1.5"}
# Two versions on the path: the first is imported.
TWICE = {"twice": "2.0"}
SHOWN = {**FROM_WHEELS, **FROM_SETUP, **TWICE}
# Two versions in one folder, as an update may leave them: Python uses one of them.
LEFT_OVER = ("left-over", "1.0", "1.1")
# Metadata without a name, and metadata that cannot be read.
NAMELESS = ("no_metadata-1.0.dist-info", "unreadable-1.0.dist-info")
SETUP = """\
from {origin} import setup
setup(name="{name}", version="{version}", py_modules=["{module}"], author="Andr\\xe9 Weil", {more})
"""
NEEDS = 'install_requires=["numpy", "dot.ted>=1; python_version>\'3\'"], extras_require={"fast": ["six"]}'
MODULEFILE = """\
depends_on("{bundle}")
setenv("EBROOTODD", "{root}")
prepend_path("PYTHONPATH", "{root}/second")
prepend_path("PYTHONPATH", "{root}/in_an.egg-1.5-py3.11.egg")
prepend_path("PYTHONPATH", "{root}/lib")
"""


def make_odd_user(base: Path, stack: Stack) -> User:
    """Make the module below `base`; return a user of it and of `stack`, whose uv has no network."""
    root, wheels = base / "odd", base / "wheels"
    (root / "lib").mkdir(parents=True)
    for name, version in {**FROM_WHEELS, **TWICE}.items():
        unpack(make_wheel(base / "made", name, version, ["numpy"]), root / "lib")
    unpack(make_wheel(base / "made", "twice", "1.0", ["numpy"]), root / "second")
    name, *versions = LEFT_OVER
    for version in versions:
        unpack(make_wheel(base / "made", name, version), root / "lib")
    run_setups(base, root, stack)
    spoil(root / "lib")
    modulefile = base / "modulefiles" / f"{MODULE}.lua"
    modulefile.parent.mkdir(parents=True)
    modulefile.write_text(MODULEFILE.format(bundle=stack.bundle_module, root=root))
    make_wheel(wheels, "needs-all", "1.0", [*(f"{name}=={version}" for name, version in SHOWN.items())])
    make_wheel(wheels, "needs-newer", "1.0", ["under-score>=1.0"])
    make_wheel(wheels, "under-score", "1.0")
    user = make_user(base, stack)
    changes = {
        "MODULEPATH": f"{base / 'modulefiles'}:{stack.modulepath}",
        "UV_FIND_LINKS": f"{stack.wheels},{wheels}",
    }
    return replace(user, environ={**user.environ, **changes})


def unpack(wheel: Path, folder: Path) -> None:
    """Extract `wheel` into `folder`, as EasyBuild's pip does."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)


def run_setups(base: Path, root: Path, stack: Stack) -> None:
    """Run real setup.py scripts that make an .egg-info folder, an .egg and an .egg-info file."""
    (setuptools,) = Path(stack.wheels).glob("setuptools-65*.whl")
    unpack(setuptools, base / "setuptools")
    into = ["--install-lib", str(root / "lib"), "--record", "record"]
    one_version = ["install", "--single-version-externally-managed", "--root=/", *into]
    run_setup(base, stack, "EggInfo-folder", "setuptools", NEEDS, one_version)
    made = run_setup(base, stack, "in-an.egg", "setuptools", NEEDS, ["bdist_egg"])
    (egg,) = made.glob("dist/*.egg")
    unpack(egg, root / egg.name)
    run_setup(base, stack, "egg-info-file", "distutils.core", "", ["install", *into])


def run_setup(base: Path, stack: Stack, name: str, origin: str, more: str, words: list[str]) -> Path:
    """Run the setup.py of a package with one module; return its folder."""
    folder = base / name
    folder.mkdir()
    module = name.lower().replace("-", "_").replace(".", "_")
    (folder / f"{module}.py").write_text("")
    text = SETUP.format(origin=origin, name=name, version=FROM_SETUP[name], module=module, more=more)
    (folder / "setup.py").write_text(text)
    python = Path(stack.software, stack.python_module, "bin/python3")
    # Python's own distutils, not the one of setuptools that replaces it.
    environ = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "SETUPTOOLS_USE_DISTUTILS": "stdlib"}
    if origin == "setuptools":
        environ["PYTHONPATH"] = str(base / "setuptools")
    command = [python, "-W", "ignore", "setup.py", "-q", *words]
    subprocess.run(command, cwd=folder, env=environ, check=True, capture_output=True)
    return folder


def spoil(lib: Path) -> None:
    """Write metadata in another encoding, and metadata that a purge has removed in part."""
    metadata = lib / "latin_one-1.0.dist-info/METADATA"
    metadata.write_bytes(metadata.read_bytes() + "Author: André\n".encode("latin-1"))
    for name in NAMELESS:
        (lib / name).mkdir()
        (lib / name / "RECORD").write_text("")
    # Not readable by root either: a folder.
    (lib / NAMELESS[1] / "METADATA").mkdir()
