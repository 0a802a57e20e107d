"""Modules that real EasyBuild has built from the embedded distributions, once for all tests."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

CHECKOUT = Path(__file__).resolve().parents[1]
WORK = CHECKOUT / ".work"
EASYCONFIGS = CHECKOUT / "tests/distribution/easyconfigs"
LMOD = os.environ.get("LMOD_CMD", "/usr/share/lmod/lmod/libexec/lmod")
DISTRIBUTION = WORK / "distribution"
SOURCES = (
    *("src", "modulefiles", "hooks", "site-config", "tests/distribution", "tests/built.py"),
    ".work/distribution/.stamp",
)
BUILT = ("Anaconda3-2024.02-1", "Anaconda3-2023.09-0", "Miniconda3-24.7.1-0", "Miniforge3-24.7.1-2")
CHANNEL = f"file://{DISTRIBUTION / 'channel'}"
# The tests load them in every shell; what a build itself proves is the subject of tests/easybuild.
SITE_CONFIGURATION = f"""\
version: 1
conda:
  load_test: {{shells: [bash]}}
  storage:
    - {{parent: "${{STACKENV_TEST_PLACE}}", environments: conda/envs, packages: conda/pkgs}}
    - {{parent: "${{HOME}}", environments: conda/envs, packages: conda/pkgs}}
  channels:
    default: ["{CHANNEL}"]
    replace_defaults: true
"""


@dataclass(frozen=True)
class BuiltModules:
    """Where they are."""

    modulepath: str
    software: str
    miniconda: str = "Miniconda3/24.7.1-0"
    miniforge: str = "Miniforge3/24.7.1-2"
    # What most tests load, and type; and its installation, where it is not with the others.
    module: str = "Anaconda3/2024.02-1"
    command: str = "conda"
    elsewhere: str = ""

    @property
    def used(self) -> str:
        """The installation of the module that most tests load."""
        return self.elsewhere or f"{self.software}/{self.module}"


def hash_sources() -> str:
    """Return a hash of all that the built modules are made of."""
    digest = hashlib.sha256()
    for name in SOURCES:
        top = CHECKOUT / name
        files = sorted(top.rglob("*")) if top.is_dir() else [top]
        for path in files:
            if path.is_file() and path.suffix not in (".pyc",):
                digest.update(str(path.relative_to(CHECKOUT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def build_modules() -> BuiltModules:
    """Build what is not built yet or is out of date; return where the modules are."""
    prefix = WORK / "built"
    stamp = prefix / "stamp"
    with FileLock(WORK / "built.lock"):
        current = hash_sources()
        if not stamp.is_file() or stamp.read_text() != current:
            require_distribution()
            if prefix.exists():
                shutil.rmtree(prefix)
            (prefix / "home").mkdir(parents=True)
            (prefix / "site.yaml").write_text(SITE_CONFIGURATION)
            run_easybuild(prefix)
            stamp.write_text(current)
    return BuiltModules(str(prefix / "modules/all"), str(prefix / "software"))


def require_distribution() -> None:
    """Raise an error unless the installers and the channel are made of the sources in tests/distribution.

    Modules built of older ones fail in the middle of a test, in words that name something else.
    """
    code = """
    . "${0%/*}/prepare.sh" && prepare_need_python && prepare_hash tests/distribution
    """
    done = subprocess.run(
        ["sh", "-c", code, CHECKOUT / "tests/built.py"], capture_output=True, text=True, check=False
    )
    stamp = DISTRIBUTION / ".stamp"
    if done.returncode or not stamp.is_file() or stamp.read_text() != done.stdout:
        raise RuntimeError(f".work/distribution is out of date; hint: sh tests/prepare.sh\n{done.stderr}")


def run_easybuild(prefix: Path) -> None:
    """Build all of `BUILT` below `prefix` with EasyBuild 5."""
    binary = WORK / "eb5/bin"
    done = subprocess.run(
        [
            *(str(binary / "eb"), f"--hooks={CHECKOUT / 'hooks/stackenv_hooks.py'}"),
            *(str(EASYCONFIGS / f"{name}.eb") for name in BUILT),
        ],
        env={
            "HOME": str(prefix / "home"),
            "PATH": f"{binary}:/usr/local/bin:/usr/bin:/bin",
            "EB_PYTHON": str(binary / "python"),
            "LMOD_CMD": LMOD,
            "LANG": "C.UTF-8",
            "STACKENV_SITE_CONFIG": str(prefix / "site.yaml"),
            "EASYBUILD_PREFIX": str(prefix),
            "EASYBUILD_SOURCEPATH": str(DISTRIBUTION),
            "EASYBUILD_ALLOW_USE_AS_ROOT_AND_ACCEPT_CONSEQUENCES": "1",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)


if __name__ == "__main__":
    print(build_modules())
