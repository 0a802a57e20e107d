"""The source and the wheels that easyconfigs/stackenv-VERSION.eb is built from offline, in .work/stackenv.

Made again when what they are made of has changed: `python tests/stackenv_sources.py` makes them beforehand.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

CHECKOUT = Path(__file__).resolve().parents[1]
FOLDER = CHECKOUT / ".work/stackenv"
# The Python of the easyconfig: some of the wheels are for one minor version.
PYTHON = "/usr/bin/python3"
BASH_COMPLETION = Path("usr/share/bash-completion/bash_completion")


def run(*command: object, cwd: Path | None = None) -> str:
    """Return what `command` prints; its words go into the error when it fails."""
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def list_sources() -> list[Path]:
    """Return what git would commit that goes into the source archive."""
    tracked = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=CHECKOUT)
    names = sorted(set(filter(None, tracked.split("\0"))))
    paths = (CHECKOUT / name for name in names if not name.startswith(("tests/", "easyconfigs/")))
    return [path for path in paths if path.is_symlink() or path.is_file()]


def hash_files(*paths: Path) -> str:
    """Return a hash of the contents, and of the names below the checkout."""
    digest = hashlib.sha256()
    for path in paths:
        content = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
        digest.update(str(path.relative_to(CHECKOUT)).encode() + b"\0" + content + b"\0")
    return digest.hexdigest()


def make_once(name: str, inputs: str, make: Callable[[Path], None]) -> Path:
    """Return the folder `name`, made by `make` unless it was made for the same `inputs`."""
    folder, stamp = FOLDER / name, FOLDER / f"{name}.stamp"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with FileLock(FOLDER / f"{name}.lock"):
        if not stamp.is_file() or stamp.read_text() != inputs:
            stamp.unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            stamp.write_text(inputs)
    return folder


def build_source(folder: Path) -> None:
    copy = folder / "checkout"
    for path in list_sources():
        target = copy / path.relative_to(CHECKOUT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target, follow_symlinks=False)
    code = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
    run(sys.executable, "-c", code, folder, cwd=copy)
    shutil.rmtree(copy)


def make_source() -> Path:
    """Return the folder with stackenv-VERSION.tar.gz, made of the checkout as it is now."""
    return make_once("source", hash_files(*list_sources(), Path(__file__).resolve()), build_source)


def make_wheels() -> Path:
    """Return a folder with the wheels of all that the easyconfig's pip asks for, stackenv's not."""

    def download(folder: Path) -> None:
        run(PYTHON, "-m", "venv", folder / "venv")
        archive = next(make_source().glob("*.tar.gz"))
        pip = (folder / "venv/bin/python", "-I", "-m", "pip")
        run(*pip, "wheel", "-w", folder, archive, "click-man", "setuptools>=64", "wheel")
        shutil.rmtree(folder / "venv")
        for wheel in folder.glob("stackenv-*.whl"):
            wheel.unlink()

    inputs = hash_files(CHECKOUT / "setup.cfg", CHECKOUT / "pyproject.toml", Path(__file__).resolve())
    return make_once("wheels", inputs + run(PYTHON, "-VV"), download)


def find_bash_completion() -> Path | None:
    """Return bash-completion's script: the system's, or out of Debian's package, which is not installed."""
    system = "/" / BASH_COMPLETION
    if system.is_file():
        return system
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        return None

    def unpack(folder: Path) -> None:
        run("apt-get", "download", "bash-completion", cwd=folder)
        run("dpkg-deb", "-x", next(folder.glob("*.deb")), folder)

    return make_once("bash-completion", "1", unpack) / BASH_COMPLETION


if __name__ == "__main__":
    for made in (make_source(), make_wheels(), find_bash_completion()):
        print(made)
