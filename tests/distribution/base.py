"""The tree of a stand-in distribution: conda 24.7.1 on the Python of this machine."""

from __future__ import annotations

import compileall
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

from channel import Package, write_package
from interpreter import Interpreter, run

HERE = Path(__file__).resolve().parent
VENDORED = "conda_lock/_vendor/conda/"
PREFIX_MARK = "@PREFIX@"
CACHED = Package("cached-by-installer", "1.0")
# Of Miniforge3 alone: the installers of the others take it out. The version that files/bin/mamba says.
MAMBA = Package("mamba", "2.0.5")


def stage_base(interpreter: Interpreter, scratch: Path) -> Path:
    """Make the tree in `scratch`, with `PREFIX_MARK` in bin and etc where the prefix will stand.

    Returns
    -------
    Path
        The root of the tree.
    """
    root = scratch / "base"
    run(interpreter.executable, "-m", "venv", root)
    pip: list[str | Path] = [root / "bin/python", "-m", "pip", "--quiet"]
    run(*pip, "install", "--no-compile", "-r", HERE / "requirements-base.txt")
    run(*pip, "download", "--no-deps", "-r", HERE / "requirements-conda.txt", "-d", scratch)
    site_packages = root / interpreter.site_packages
    (wheel,) = scratch.glob("conda_lock-*.whl")
    unpack_conda(wheel, site_packages)
    write_folders(root, scratch)
    # Not in the way of a real base, and half of the size: Debian's venv brings it, others do not.
    run(*pip, "uninstall", "--yes", "setuptools")
    # By force: venv has compiled pip with the path of this folder in it. Times are kept by tar, so that
    # these stay valid where the base is read-only.
    compileall.compile_dir(str(site_packages), quiet=2, force=True, stripdir=str(root))
    write_commands(root, interpreter)
    return root


def unpack_conda(wheel: Path, site_packages: Path) -> None:
    """Put the conda that conda-lock carries where conda itself would be."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if not name.startswith(VENDORED) or name.endswith("/"):
                continue
            content = archive.read(name)
            if name.endswith(".py"):
                content = content.replace(b"conda_lock._vendor.conda", b"conda")
                content = content.replace(b"conda_lock.vendor.conda", b"conda")
            target = site_packages / "conda" / name[len(VENDORED) :]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    hook = site_packages / "conda/shell/etc/profile.d/conda.sh"
    hook.parent.mkdir(parents=True)
    shutil.copy(HERE / "files/conda.sh", hook)


def write_commands(root: Path, interpreter: Interpreter) -> None:
    """Write bin and condabin anew: what venv and pip left names the folder of the build."""
    shutil.rmtree(root / "bin")
    shutil.copytree(HERE / "files/bin", root / "bin")
    for command in (root / "bin").iterdir():
        sourced = command.name in ("activate", "deactivate")
        command.chmod(0o644 if sourced else 0o755)
    shutil.copy(root / "bin/pip", root / "bin/pip3")
    (root / "bin" / f"python{interpreter.minor}").symlink_to(interpreter.executable)
    for name in ("python", "python3"):
        (root / "bin" / name).symlink_to(f"python{interpreter.minor}")
    (root / "condabin").mkdir()
    for name in ("conda", "mamba"):
        (root / "condabin" / name).symlink_to(f"../bin/{name}")
    (root / "pyvenv.cfg").write_text(interpreter.environment_configuration())


def write_folders(root: Path, scratch: Path) -> None:
    """Write what EasyBuild's modules and conda look for around the packages."""
    profile = root / "etc/profile.d/conda.sh"
    profile.parent.mkdir(parents=True)
    profile.write_text((HERE / "files/preamble.sh").read_text() + (HERE / "files/conda.sh").read_text())
    shutil.copy(HERE / "files/mamba.sh", profile.with_name("mamba.sh"))
    # The default solver, libmamba, is compiled and not on the package index.
    (root / ".condarc").write_text("solver: classic\n")
    for name, text in {
        "conda-meta/history": "",
        f"conda-meta/{MAMBA.filename.replace('.tar.bz2', '.json')}": json.dumps(describe_installed(MAMBA)),
        "envs/.keep": "",
        "share/man/man1/conda-stand-in.1": ".TH conda-stand-in 1\n",
        "lib/pkgconfig/stand-in.pc": "Name: stand-in\nDescription: none\nVersion: 1\n",
        "include/stand-in.h": "",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    write_package_cache(root / "pkgs", scratch)


def describe_installed(package: Package) -> dict[str, Any]:
    """Return conda's record of an installed package."""
    return {
        **package.index(),
        "channel": "https://packages.invalid",
        "files": [],
        "fn": package.filename,
        "url": f"https://packages.invalid/{package.subdir}/{package.filename}",
    }


def write_package_cache(cache: Path, scratch: Path) -> None:
    """Fill the cache as an installer does: an archive, its tree, and the list of addresses."""
    cache.mkdir()
    tree = scratch / "cached"
    (tree / "share").mkdir(parents=True)
    (tree / "share/cached-by-installer").write_text("Left behind by the installer, as real ones do.\n")
    record = write_package(CACHED, tree, cache)
    (cache / CACHED.subdir / CACHED.filename).rename(cache / CACHED.filename)
    (cache / CACHED.subdir).rmdir()
    unpacked = cache / CACHED.filename[: -len(".tar.bz2")]
    shutil.copytree(tree, unpacked)
    address = f"https://packages.invalid/{CACHED.subdir}/{CACHED.filename}"
    record |= {"url": address, "channel": "https://packages.invalid", "fn": CACHED.filename}
    (unpacked / "info/repodata_record.json").write_text(json.dumps(record, indent=2))
    for name in ("urls", "urls.txt"):
        (cache / name).write_text(address + "\n")
