"""Build a stack of modules with real EasyBuild: two generations of a Python and a bundle on top.

`sources` downloads what the stack is made of and what tests install, which needs a package index
once. `trees` builds the software trees that are named; it needs no network.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from string import Template

from python_source import write_python_source

HERE = Path(__file__).resolve().parent
WORK = HERE.parents[1] / ".work"
LMOD = os.environ.get("LMOD_CMD", "/usr/share/lmod/lmod/libexec/lmod")
PYTHON = platform.python_version()


@dataclass(frozen=True)
class Generation:
    """A Python and the bundle on it, by the names that EasyBuild's toolchains give them."""

    compiler: str
    toolchain: str
    bundle: str

    @property
    def python_module(self) -> str:
        return f"Python/{PYTHON}-{self.compiler}"

    @property
    def bundle_module(self) -> str:
        return f"SciPy-bundle/{self.bundle}-gfbf-{self.toolchain}"


FIRST = Generation("GCCcore-12.3.0", "2023a", "2023.07")
NEXT = Generation("GCCcore-13.2.0", "2023b", "2023.11")
GENERATIONS = (FIRST, NEXT)
ZLIB = "1.2.13"


def run(*command: str | Path, env: dict[str, str] | None = None) -> None:
    """Run `command`, silent unless it fails."""
    done = subprocess.run(
        [str(word) for word in command], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode:
        words = " ".join(str(word) for word in command)
        raise SystemExit(f"build.py: status {done.returncode} from {words}\n{done.stdout}{done.stderr}")


def write_sources(stack: Path) -> None:
    """Write `sources`, of the Python and the bundles, and `wheels`, a folder for --find-links."""
    wheels = stack / "wheels"
    wheels.mkdir(parents=True)
    for name in ("python", *(generation.toolchain for generation in GENERATIONS), "index"):
        folder = stack / "sources" / name
        run(
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"),
            *("--dest", folder, "--requirement", HERE / f"requirements-{name}.txt"),
        )
        for wheel in folder.iterdir():
            os.link(wheel, wheels / wheel.name)
    for folder in sorted((HERE / "sdists").iterdir()):
        write_sdist(folder, wheels)
    with tempfile.TemporaryDirectory(prefix="stackenv-stack-") as scratch:
        write_python_source(
            HERE / "python",
            (stack / "sources/python").glob("*.whl"),
            Path(scratch),
            stack / "ensurepip",
            stack / f"sources/Python-{PYTHON}.tar",
        )


def write_sdist(folder: Path, wheels: Path) -> None:
    """Write the source distribution of `folder`, version 1.0."""
    name = f"{folder.name.replace('-', '_')}-1.0"
    metadata = f"Metadata-Version: 2.1\nName: {folder.name}\nVersion: 1.0\n"
    with tempfile.NamedTemporaryFile("w", suffix="PKG-INFO") as file:
        file.write(metadata)
        file.flush()
        with tarfile.open(wheels / f"{name}.tar.gz", "w:gz") as tar:
            tar.add(file.name, f"{name}/PKG-INFO")
            tar.add(folder, name)


def write_easyconfigs(stack: Path, folder: Path, several_pythons: bool) -> list[Path]:
    """Write the easyconfigs of a tree into `folder`; return them in the order of their dependencies.

    Parameters
    ----------
    several_pythons
        Whether the bundle is one for several versions of Python, as which EasyBuild 4 gives it
        EBPYTHONPREFIXES; it takes the first of them, here the only one.
    """
    folder.mkdir()
    written = [write_easyconfig("zlib", folder / f"zlib-{ZLIB}.eb", version=ZLIB)]
    for generation in GENERATIONS:
        wheels = sorted((stack / "sources" / generation.toolchain).glob("*.whl"))
        suffix = f"-{generation.compiler}"
        if several_pythons:
            dependencies = f"multi_deps = {{'Python': [{PYTHON + suffix!r}]}}"
        else:
            dependencies = f"dependencies = [('Python', {PYTHON!r}, {suffix!r})]"
        written.append(
            write_easyconfig(
                "Python", folder / f"Python-{PYTHON}{suffix}.eb", version=PYTHON, versionsuffix=suffix
            )
        )
        written.append(
            write_easyconfig(
                "SciPy-bundle",
                folder / f"{generation.bundle_module.replace('/', '-')}.eb",
                version=generation.bundle,
                versionsuffix=f"-gfbf-{generation.toolchain}",
                dependencies=dependencies,
                extensions=describe_extensions(wheels),
            )
        )
    return written


def write_easyconfig(name: str, path: Path, **values: str) -> Path:
    path.write_text(Template((HERE / f"easyconfigs/{name}.eb").read_text()).substitute(values))
    return path


def describe_extensions(wheels: list[Path]) -> str:
    """Return the list of extensions that are these wheels."""
    entries = []
    for wheel in wheels:
        name, version = wheel.name.split("-")[:2]
        options = {
            "easyblock": "PythonPackage",
            "use_pip": True,
            "unpack_sources": False,
            "sources": [wheel.name],
        }
        entries.append(f"    ({name!r}, {version!r}, {options!r}),\n")
    return f"[\n{''.join(entries)}]"


def build_tree(stack: Path, name: str) -> None:
    """Build the tree of this name, eb4-prefixes for example, and write its stack.json."""
    easybuild, _, search_path = name.partition("-")
    prefix, binary = stack / name, WORK / easybuild / "bin"
    shutil.rmtree(prefix, ignore_errors=True)
    (prefix / "home").mkdir(parents=True)
    prefixes = search_path == "prefixes"
    environ = {
        "HOME": str(prefix / "home"),
        "PATH": f"{binary}:/usr/local/bin:/usr/bin:/bin",
        "EB_PYTHON": str(binary / "python"),
        "LMOD_CMD": LMOD,
        "LANG": "C.UTF-8",
        "EASYBUILD_PREFIX": str(prefix),
        "EASYBUILD_SOURCEPATH": ":".join(
            str(path) for path in (stack / "sources", *(stack / "sources" / g.toolchain for g in GENERATIONS))
        ),
        "EASYBUILD_MODULE_DEPENDS_ON": "1",
        # All is here, and the easyblock would ask GNU's server for a newer config.guess, which a
        # machine without a network waits for.
        "https_proxy": "http://127.0.0.1:9",
        "EASYBUILD_ALLOW_USE_AS_ROOT_AND_ACCEPT_CONSEQUENCES": "1",
    }
    if easybuild == "eb5":
        # Its wrappers of compilers want patchelf.
        environ["EASYBUILD_DISABLE_RPATH"] = "1"
        environ["EASYBUILD_PREFER_PYTHON_SEARCH_PATH"] = "EBPYTHONPREFIXES" if prefixes else "PYTHONPATH"
    run(
        binary / "eb",
        *write_easyconfigs(stack, prefix / "easyconfigs", prefixes and easybuild == "eb4"),
        env=environ,
    )
    write_description(stack, name)
    # Last: a tree without it was interrupted.
    (prefix / ".stamp").touch()


def write_description(stack: Path, name: str) -> None:
    """Write what `stacked.open_stack` reads."""
    contents = {
        "name": name,
        "modulepath": str(stack / name / "modules/all"),
        "software": str(stack / name / "software"),
        "python_module": FIRST.python_module,
        "bundle_module": FIRST.bundle_module,
        "next_python_module": NEXT.python_module,
        "next_bundle_module": NEXT.bundle_module,
        "other_module": f"zlib/{ZLIB}",
        "wheels": str(stack / "wheels"),
    }
    (stack / name / "stack.json").write_text(json.dumps(contents, indent=2) + "\n")


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="a folder, made when it is missing")
    parser.add_argument("what", choices=("sources", "trees"))
    parser.add_argument("trees", nargs="*", help="eb4-pythonpath, eb4-prefixes, eb5-pythonpath, eb5-prefixes")
    arguments = parser.parse_args()
    stack: Path = arguments.output.resolve()
    if arguments.what == "sources":
        write_sources(stack)
        return
    with ThreadPoolExecutor(max_workers=2) as pool:
        for _ in pool.map(lambda name: build_tree(stack, name), arguments.trees):
            pass


if __name__ == "__main__":
    main()
