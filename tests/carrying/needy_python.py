"""A Python that does not start without its modules, and users with environments based on it.

EasyBuild 4 links Python to its libpython without RPATH. Here the library of the needy stack takes the place
of libpython.
"""

from __future__ import annotations

import subprocess
import sysconfig
from dataclasses import replace
from pathlib import Path

from needy_stack import PYTHON_FOLDER, NeedleStack, compile_linked, write_module
from users import User, make_user

# To start, this Python needs the library of the needy stack, as it would need libpython. Compiled with
# NEEDS_VARIABLE it also needs a variable that its module sets.
PROGRAM = """\
#include <Python.h>

int needle_find(void);

int main(int count, char **words) {
#ifdef NEEDS_VARIABLE
    if (!getenv("EBROOTPYTHON")) return 1;
#endif
    return needle_find() > 0 ? Py_BytesMain(count, words) : 1;
}
"""
MODULE = "Python/3.11.2-needy"
# Brings numpy, and the package `needle`, which needs the same library.
BUNDLE = "Bundle/1.0-needy"


def make_needy_modules(folder: Path, needy_stack: NeedleStack) -> NeedleStack:
    """Return the stack with such a Python, `MODULE`, and a bundle based on it; both are in `folder`."""
    write_python(folder, needy_stack)
    numpy = f"{needy_stack.software}/{needy_stack.numpy_module}/lib/{PYTHON_FOLDER}/site-packages"
    search = [f'prepend_path("PYTHONPATH", "{path}")' for path in (numpy, needy_stack.needle_packages)]
    write_module(folder, BUNDLE, MODULE, lines=tuple(search))
    return replace(needy_stack, modulepath=f"{folder}/modules:{needy_stack.modulepath}")


def make_needy_user(folder: Path, needy_stack: NeedleStack) -> User:
    """Return a user of such modules; all files are in `folder`."""
    return make_user(folder / "user", make_needy_modules(folder, needy_stack))


def write_python(folder: Path, stack: NeedleStack, *options: str) -> None:
    """Write the module of a Python that is linked to libneedle; its standard library is that of the stack."""
    root = folder / MODULE
    if not root.exists():
        (root / "bin").mkdir(parents=True)
        (root / "lib").mkdir()
        standard = f"{stack.software}/{stack.python_module}/lib/{PYTHON_FOLDER}"
        (root / f"lib/{PYTHON_FOLDER}").symlink_to(standard)
        for name in ("python", "python3"):
            (root / "bin" / name).symlink_to(PYTHON_FOLDER)
    source = root / "python.c"
    source.write_text(PROGRAM)
    compile_linked(
        *(source, root / f"bin/{PYTHON_FOLDER}", f"-I{sysconfig.get_path('include')}"),
        *(f"-L{stack.folder}/{stack.library}/lib", "-lneedle", f"-l{PYTHON_FOLDER}", *options),
    )
    write_module(folder, MODULE, stack.library, lines=('prepend_path("PATH", root .. "/bin")',))


def run(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command `words` with an empty stdin and return the completed process."""
    return subprocess.run(
        list(map(str, words)),
        **{"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "check": False, **options},
    )
