"""Modules on top of a stack of the tests, with a package that needs a library.

In the kind `needy` the library is found only by LD_LIBRARY_PATH, which its module sets, as EasyBuild 4 builds
by default. In the kind `rpath` the package finds it by RPATH, as EasyBuild 5 builds.
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest
from stacked import Stack, open_stack
from users import make_once

KINDS = ("rpath", "needy")
PYTHON_FOLDER = f"python{sys.version_info[0]}.{sys.version_info[1]}"
# For each version of the library: what it finds, and the version of its compiler.
VERSIONS = (("1.0", 10, "12.3.0"), ("2.0", 20, "13.2.0"))

LIBRARY = "int needle_find(void) {{ return {value}; }}\n"
EXTENSION = """\
#define PY_SSIZE_T_CLEAN
#include <Python.h>

int needle_find(void);

static PyObject *find(PyObject *self, PyObject *ignored) {
    return PyLong_FromLong(needle_find());
}

static PyMethodDef methods[] = {{"find", find, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_needle", NULL, -1, methods};

PyMODINIT_FUNC PyInit__needle(void) {
    return PyModule_Create(&definition);
}
"""
PACKAGE = "from needle._needle import find\n"
# Find the library by the extension, and without the extension by its name alone.
FIND = "import needle; print(needle.find())"
FIND_BY_NAME = 'import ctypes; print(ctypes.CDLL("libneedle.so.1").needle_find())'


@dataclass(frozen=True)
class NeedleStack(Stack):
    """A stack of the tests, with its `name`, and these modules in front of it.

    Its `bundle_module` is Needle/1.0, whose Python package `needle` finds 10 (`FIND`, `FIND_BY_NAME`).

    Parameters
    ----------
    kind
        One of `KINDS`: how the extension of `needle` finds its library.
    folder
        The folder of the installations of these modules; their modulefiles are in its subfolder `modules`.
    numpy_module
        The bundle that Needle/1.0 and Needle/2.0 depend on.
    other_version
        Needle/2.0, which finds 20.
    compiler
        A module that Needle/1.0 loads, as other modules may: it sets LD_LIBRARY_PATH, too.
    sharing
        A module that has only this compiler in common with Needle/1.0.
    library
        The module with the library of Needle/1.0.
    other_compiler
        Another version of the compiler.
    """

    kind: str
    folder: str
    numpy_module: str
    other_version: str
    compiler: str
    sharing: str
    library: str
    other_compiler: str

    @property
    def library_folders(self) -> list[str]:
        """Return the folders that Needle/1.0 puts on LD_LIBRARY_PATH, in their order."""
        return [f"{self.folder}/{self.library}/lib", f"{self.folder}/{self.compiler}/lib64"]

    @property
    def needle_packages(self) -> str:
        """Return the folder of the packages of Needle/1.0."""
        return f"{self.folder}/{self.bundle_module}/lib/{PYTHON_FOLDER}/site-packages"


def make_needle_stack(factory: pytest.TempPathFactory, base: str, kind: str) -> NeedleStack:
    """Return the modules of this kind on the stack `base`, created once for all processes of a test run."""
    below = open_stack(base)
    folder = make_once(factory, f"needle-{kind}-{base}", lambda path: write_modules(path, below, kind))
    # Tests that change modulefiles or libraries use their own copies.
    return describe_needle_stack(folder, below, kind)


def describe_needle_stack(folder: Path, below: Stack, kind: str) -> NeedleStack:
    """Return the stack whose modules `write_modules` has written to `folder`."""
    values = {**dataclasses.asdict(below), "modulepath": f"{folder}/modules:{below.modulepath}"}
    return NeedleStack(
        **{**values, "bundle_module": "Needle/1.0"},
        kind=kind,
        folder=str(folder),
        numpy_module=below.bundle_module,
        other_version="Needle/2.0",
        compiler="GCCcore/12.3.0",
        sharing="Sharing/1.0",
        library="libneedle/1.0",
        other_compiler="GCCcore/13.2.0",
    )


def write_modules(folder: Path, below: Stack, kind: str) -> None:
    """Write the modules of one kind, which are based on the stack `below`, to `folder`."""
    write_module(folder, "Sharing/1.0", "GCCcore/12.3.0")
    for version, value, compiler in VERSIONS:
        make_compiler(folder, compiler)
        make_library(folder, version, value, compiler)
        make_package(folder, below, version, kind)


def make_compiler(folder: Path, version: str) -> None:
    """Write a compiler module, which sets LD_LIBRARY_PATH to its folder of libraries."""
    (folder / f"GCCcore/{version}/lib64").mkdir(parents=True)
    write_module(folder, f"GCCcore/{version}", lines=('prepend_path("LD_LIBRARY_PATH", root .. "/lib64")',))


def make_library(folder: Path, version: str, value: int, compiler: str) -> None:
    """Build libneedle.so.1, which finds `value`, and write its module."""
    lib = folder / f"libneedle/{version}/lib"
    lib.mkdir(parents=True)
    source = lib / "needle.c"
    source.write_text(LIBRARY.format(value=value))
    compile_shared(source, lib / "libneedle.so.1", "-Wl,-soname,libneedle.so.1")
    (lib / "libneedle.so").symlink_to("libneedle.so.1")
    write_module(
        folder,
        f"libneedle/{version}",
        f"GCCcore/{compiler}",
        lines=(
            'prepend_path("LD_LIBRARY_PATH", root .. "/lib")',
            'prepend_path("LIBRARY_PATH", root .. "/lib")',
        ),
    )


def make_package(folder: Path, below: Stack, version: str, kind: str) -> None:
    """Build the Python package `needle` and its module, which uses the same variable as the stack `below`."""
    lib = folder / f"libneedle/{version}/lib"
    packages = folder / f"Needle/{version}/lib/{PYTHON_FOLDER}/site-packages"
    (packages / "needle").mkdir(parents=True)
    (packages / "needle/__init__.py").write_text(PACKAGE)
    described = packages / f"needle-{version}.dist-info/METADATA"
    described.parent.mkdir()
    described.write_text(f"Metadata-Version: 2.1\nName: needle\nVersion: {version}\n")
    source = packages / "needle/_needle.c"
    source.write_text(EXTENSION)
    compile_shared(
        *(source, packages / f"needle/_needle{sysconfig.get_config_var('EXT_SUFFIX')}"),
        *(f"-I{sysconfig.get_path('include')}", f"-L{lib}", "-lneedle"),
        *([f"-Wl,-rpath,{lib}"] if kind == "rpath" else []),
    )
    search = (
        'prepend_path("EBPYTHONPREFIXES", root)'
        if below.name.endswith("prefixes")
        else f'prepend_path("PYTHONPATH", root .. "/lib/{PYTHON_FOLDER}/site-packages")'
    )
    needed = (below.bundle_module, f"libneedle/{version}")
    write_module(folder, f"Needle/{version}", *needed, lines=(search,))


def compile_shared(source: Path, output: Path, *options: str) -> None:
    """Compile the C file `source` to the shared object `output`."""
    compile_linked(source, output, "-shared", "-fPIC", *options)


def compile_linked(source: Path, output: Path, *options: str) -> None:
    """Compile the C file `source` to the program `output`."""
    command = ["gcc", "-o", output, source, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)


def write_module(folder: Path, full_name: str, *needed: str, lines: tuple[str, ...] = ()) -> None:
    """Write the modulefile of a module whose software is in `folder`, as EasyBuild lays them out."""
    name, _, version = full_name.partition("/")
    root = folder / full_name
    root.mkdir(parents=True, exist_ok=True)
    path = folder / "modules" / f"{full_name}.lua"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = [
        f'local root = "{root}"',
        f'conflict("{name}")',
        *(f'depends_on("{module}")' for module in needed),
        f'setenv("EBROOT{name.upper()}", root)',
        f'setenv("EBVERSION{name.upper()}", "{version}")',
        *lines,
    ]
    path.write_text("\n".join(text) + "\n")
