"""The scripts that start a venv's Python if it does not start without the libraries of its modules.

EasyBuild 4 links Python to its libpython without an RPATH, so that the dynamic loader finds it by
LD_LIBRARY_PATH alone. In the bin of a venv of such a Python, a script of stackenv replaces the link to it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from stackenv import STACKENV_UUID
from stackenv.environments.bare_start import run_bare
from stackenv.environments.store import read_former_record
from stackenv.modulefile import InstalledFile
from stackenv.modulefile.text import render_installed_file
from stackenv.plain_files import open_file
from stackenv.record import Carried, Record
from stackenv.transactions.changes import Change, WriteLink

# The names that venv, virtualenv and uv give to a Python in bin.
PYTHONS = re.compile(r"python[\d.]*t?")
SOURCE = "libexec/start_python"
WITHOUT_START = "Python does not start without the modules"
# The mark of stackenv is within these first bytes of a script.
HEAD = 128


def is_launcher(path: Path) -> bool:
    """Return whether `path` is, or links to, a script of stackenv that starts a Python."""
    try:
        with open_file(path) as stream:
            head = stream.read(HEAD)
    except OSError:
        return False
    return head.startswith(b"#!") and STACKENV_UUID.encode() in head and bool(PYTHONS.fullmatch(path.name))


def list_pythons(prefix: str) -> Iterator[Path]:
    """Yield the files in the bin of `prefix` that have the name of a Python."""
    folder = Path(prefix, "bin")
    names = os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208 (names alone)
    return (folder / name for name in sorted(names) if PYTHONS.fullmatch(name))


def find_replaceable(record: Record) -> tuple[tuple[str, str], ...]:
    """Return the names in bin that start the base Python of `record`, each with the target of its link.

    These are the links that lead out of the environment, and the scripts of stackenv; all other names link
    to one of them. A copy of the program (venv --copies) is not replaced, because there is no link that
    could be restored.
    """
    assert record.python is not None
    program = record.python.executable
    former = read_former_record(Path(record.path))
    known = dict(former.carried.launchers) if former and former.carried else {}
    found = []
    for path in list_pythons(record.path):
        if path.is_symlink():
            leads_to = str(path.readlink())
            if is_link_to(path, program) and Path(path.parent, leads_to).parent != path.parent:
                found.append((path.name, leads_to))
        elif is_launcher(path):
            found.append((path.name, known.get(path.name, program)))
    return tuple(found)


def is_link_to(path: Path, program: str) -> bool:
    """Return whether `path` is a link that leads to `program`."""
    return path.is_symlink() and os.path.realpath(path) == os.path.realpath(program)


def describe_replacement(names: Iterable[str]) -> str:
    """Return the sentence that says what happens to the links `names` in bin."""
    links = ", ".join(f"bin/{name}" for name in names)
    return f"replace the link {links} with a script that also starts the Python without the modules"


def describe_launchers(record: Record) -> tuple[InstalledFile, ...]:
    """Return the scripts that start the Python of the venv of `record`; empty if it needs none."""
    carried, python = record.carried, record.python
    if carried is None or python is None:
        return ()
    # These contain no path of the environment, which may be moved.
    values = {
        "PYTHON": python.executable,
        "MODULES": ":".join(dict.fromkeys([*record.modules, *filter(None, [python.module])])),
        "STACK": ":".join(record.stack),
        "LIBRARIES": ":".join(carried.libraries),
        "PRELOAD": ":".join(carried.preload),
        "CARRY": f"lib/python{python.minor}/site-packages/_stackenv_carry.py",
    }
    return tuple(
        InstalledFile(
            f"{record.path}/bin/{name}",
            SOURCE,
            values=values,
            executable=True,
            link=leads_to,
            loss=WITHOUT_START,
        )
        for name, leads_to in carried.launchers
    )


def with_launchers(record: Record, carried: Carried) -> Carried:
    """Return `carried` with the names of the scripts that start the Python, if the first of them works.

    In a packed environment, the names do not change.
    """
    if record.packed:
        return replace(carried, launchers=record.carried.launchers if record.carried else ())
    able = replace(carried, launchers=find_replaceable(record))
    files = describe_launchers(replace(record, carried=able))
    return able if files and starts_python(files[0], record.path) else carried


def starts_python(launcher: InstalledFile, prefix: str) -> bool:
    """Return whether the script `launcher` starts the Python of the venv at `prefix` without any module."""
    # Its carry.py may not exist yet; any existing file does.
    text = render_installed_file(replace(launcher, values={**(launcher.values or {}), "CARRY": "pyvenv.cfg"}))
    # Started as the kernel would start it, with the same $0, although the file is not written yet.
    words = ("/bin/bash", "-p", "-c", text, launcher.path, "-Ic", "import sys; print(sys.prefix)")
    done = run_bare(words, {})
    found = os.fsdecode(done.stdout).strip()
    return done.returncode == 0 and os.path.realpath(found) == os.path.realpath(prefix)


def plan_links(record: Record) -> tuple[Change, ...]:
    """Return the changes that restore the links in place of scripts that `record` no longer needs."""
    if record.python is None or record.packed:
        return ()
    former = read_former_record(Path(record.path))
    known = dict(former.carried.launchers) if former and former.carried else {}
    needed = dict(record.carried.launchers) if record.carried else {}
    return tuple(
        WriteLink(str(path), known.get(path.name, record.python.executable))
        for path in list_pythons(record.path)
        if path.name not in needed and not path.is_symlink() and is_launcher(path)
    )
