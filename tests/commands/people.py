"""A site with real modules, and people who use the installed command there, each in a home of their own."""

from __future__ import annotations

import base64
import ensurepip
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path

import copied_ensurepip
from built import LMOD
from copied_ensurepip import CHOSEN_PIP, make_ensurepip_copy, make_image
from filelock import FileLock
from forked import run_stackenv
from stacked import WORK
from without_cache import list_below

CHECKOUT = Path(__file__).resolve().parents[2]
COMMAND = str(Path(sysconfig.get_path("scripts"), "stackenv"))
INIT = str(Path(LMOD).parents[1] / "init/sh")
VERSION = "{}.{}.{}".format(*sys.version_info)
MINOR = "{}.{}".format(*sys.version_info)


@dataclass(frozen=True)
class Site:
    """The folders of a site's modules, software and wheels.

    The modules are Python/VERSION and Python/next; Bundle/1 (tiny-stack 1.0) and Bundle/2 (tiny-stack 2.0,
    tiny-new), both on the first Python; Bundle/next on the other Python; and Extra/1 without Python.
    """

    modulepath: str
    software: Path
    wheels: Path


@dataclass(frozen=True)
class Person:
    """A user who works in `home` with the variables `environ`, which hold none of the caller's."""

    home: Path
    environ: dict[str, str]
    site: Site

    @property
    def modules(self) -> Path:
        return self.home / "modules"

    def stackenv(
        self, *arguments: str, load: str = "", status: int | None = 0, **changes: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the command with the modules `load` loaded; its status must be `status` unless that is None."""
        done = run_stackenv(arguments, {**self.environ, **changes}, self.home, load.split() or None)
        assert status in (None, done.returncode), done.stdout + done.stderr
        return done

    def create(self, name: str, *arguments: str, module: str = "Bundle/1") -> Path:
        """Make an environment; return its folder."""
        self.stackenv("create", name, "-m", module, *arguments)
        versions = [word for before, word in zip(arguments, arguments[1:]) if before == "--version"]
        return self.home / "venvs" / f"{name}-{(versions or ['1.0'])[0]}"

    def adopt(self, name: str, *arguments: str) -> Path:
        """Make a plain venv on the site's first Python, and a module for it; return its folder."""
        path = self.home / "own" / name
        python = self.site.software / f"Python/{VERSION}/bin/python{MINOR}"
        subprocess.run([python, "-I", "-m", "venv", "--without-pip", path], check=True)
        self.stackenv("adopt", str(path), name, "-m", "Bundle/1", *arguments)
        return path

    def shell(self, script: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run `script` in a fresh sh with the function `module` and the person's own modules."""
        return subprocess.run(
            ["/bin/sh", "-c", f'. "{INIT}"; module use "$HOME/modules"\n{script}'],
            env={**self.environ, **changes},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def tree(self) -> dict[str, str]:
        """Return the paths in the home, without stackenv's cache, each with a hash of its contents."""
        found = {}
        for path in list_below(self.home):
            if path.is_symlink():
                text = f"link {path.readlink()}"
            else:
                text = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
            found[str(path.relative_to(self.home))] = text
        return found


def force_in(person: Person, name: str, *words: str) -> None:
    """Install packages against the constraints, as users can: by calling uv by its path."""
    uv = str(WORK / "venv/bin/uv")
    install = ("pip", "install", "--quiet", "--no-cache", "--no-deps", "--no-index", "--find-links")
    person.stackenv("run", name, "--", uv, *install, str(person.site.wheels), *words)


def make_wheel(folder: Path, name: str, version: str, *needs: str) -> Path:
    """Write a wheel (PEP 427) of one module that knows its version; `needs` are its requirements."""
    folder.mkdir(parents=True, exist_ok=True)
    module, info = name.replace("-", "_"), f"{name.replace('-', '_')}-{version}.dist-info"
    files = {
        f"{module}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + "".join(f"Requires-Dist: {need}\n" for need in needs),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={digest(text)},{len(text.encode())}\n" for path, text in files.items())
    wheel = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(path, text)
    return wheel


def digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def make_site(folder: Path) -> Site:
    """Make a site below `folder`; its Pythons are copies of the interpreter that runs the tests."""
    site = Site(str(folder / "modules"), folder / "software", folder / "wheels")
    for version in (VERSION, "next"):
        make_python(site, version)
    for bundle, python, packages in (
        ("1", VERSION, {"tiny-stack": "1.0"}),
        ("2", VERSION, {"tiny-stack": "2.0", "tiny-new": "1.0"}),
        ("next", "next", {"tiny-stack": "2.0"}),
    ):
        root = site.software / f"Bundle/{bundle}"
        for name, version in packages.items():
            with zipfile.ZipFile(make_wheel(site.wheels, name, version)) as archive:
                archive.extractall(root / "lib")
        write_module(site, f"Bundle/{bundle}", root, f'depends_on("Python/{python}")', "PYTHONPATH", "lib")
    for version in ("1.0", "1.1"):
        make_wheel(site.wheels, "tiny-own", version)
    write_module(site, "Extra/1", site.software / "Extra/1", 'setenv("EXTRA", "1")', "EXTRA_PATH", "lib")
    return site


def make_python(site: Site, version: str) -> None:
    """Make the module Python/VERSION: a copy of this interpreter that uses its standard library."""
    root = site.software / f"Python/{version}"
    (root / "bin").mkdir(parents=True)
    (root / "lib").mkdir()
    shutil.copy2(os.path.realpath(sys.executable), root / f"bin/python{MINOR}")
    for name in ("python3", "python"):
        (root / "bin" / name).symlink_to(f"python{MINOR}")
    make_library(root)
    write_module(site, f"Python/{version}", root, "", "PATH", "bin")


def make_library(root: Path) -> None:
    """Link to this interpreter's standard library, with pip and with a faster copy of ensurepip."""
    original = Path(sysconfig.get_path("stdlib", vars={"base": sys.base_prefix}))
    library = root / "lib" / original.name
    library.mkdir()
    for path in original.iterdir():
        if path.name != "ensurepip":
            (library / path.name).symlink_to(path)
    shutil.copytree(original / "ensurepip", library / "ensurepip")
    image = find_image(Path(sys.base_prefix, "bin", f"python{MINOR}"))
    make_ensurepip_copy(library, image)
    # Debian names the folder dist-packages.
    for name in ("site-packages", "dist-packages"):
        if not (library / name).exists():
            (library / name).symlink_to(image / "packages")


def list_bundled() -> list[str]:
    """Return the names of the wheels that ensurepip installs; some distributions have a folder for them."""
    bundled = Path(ensurepip.__file__).parent / "_bundled"
    folder = sysconfig.get_config_var("WHEEL_PKG_DIR") or str(bundled)
    return sorted(path.name for path in Path(folder).glob("*.whl"))


def find_image(python: Path) -> Path:
    """Return a folder with what the ensurepip of `python` installs; it is made once per checkout."""
    made_of = [sys.version, *list_bundled(), Path(copied_ensurepip.__file__).read_text()]
    key = hashlib.sha256("\n".join(made_of).encode()).hexdigest()[:12]
    image = CHECKOUT / ".work" / f"ensurepip-{key}"
    finished = Path(f"{image}.finished")
    with FileLock(f"{image}.lock"):
        if not finished.exists():
            shutil.rmtree(image, ignore_errors=True)
            make_image(python, image)
            finished.touch()
    return image


def write_module(site: Site, name: str, root: Path, line: str, variable: str, folder: str) -> None:
    path = Path(site.modulepath, f"{name}.lua")
    path.parent.mkdir(parents=True, exist_ok=True)
    software = name.split("/")[0].upper()
    path.write_text(
        f'{line}\nsetenv("EBROOT{software}", "{root}")\nprepend_path("{variable}", "{root / folder}")\n'
    )


def make_person(folder: Path, site: Site) -> Person:
    """Return a person with a new home below `folder`."""
    home, temporary = folder / "home", folder / "tmp"
    for made in (home, temporary):
        made.mkdir()
    (home / "venvs").mkdir()
    environ = {
        "HOME": str(home),
        "PATH": "/usr/bin:/bin",
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "LMOD_CMD": LMOD,
        "MODULEPATH": site.modulepath,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(site.wheels),
        "UV_OFFLINE": "1",
        "STACKENV_SITE_CONFIG": str(CHECKOUT / "site-config/default.yaml"),
        **CHOSEN_PIP,
    }
    return Person(home, environ, site)
