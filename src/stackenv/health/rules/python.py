"""The Python and the kind of machine that an environment was created for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from stackenv.environments.launchers import is_launcher
from stackenv.environments.platform import read_os
from stackenv.environments.venv import find_lost_links
from stackenv.errors import quote_word
from stackenv.health.checked_environment import CheckedEnvironment
from stackenv.health.finding import Finding
from stackenv.plain_files import read_file_text
from stackenv.record import Record

# The rules that run the Python, or look at what it finds.
OF_PYTHON = ("extensions", "numpy-bounds", "inconsistent")


def find_python_changed(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield a finding when the Python is missing, or is not the one that is recorded."""
    record, prefix = environment.record, environment.prefix
    if record is None or record.python is None or not prefix.is_dir():
        return
    rebuild = f"stackenv rebuild {environment.full_name}"
    program, configuration = prefix / "bin/python", prefix / "pyvenv.cfg"
    if record.packed:
        # A link into the image; the rule `missing-files` reports a missing image.
        if not os.path.lexists(program):
            again = f"stackenv unpack {environment.full_name}; stackenv pack {environment.full_name}"
            yield report_python(program, f"its Python is gone: {program}", again)
        return
    if record.kind == "conda" and any(package.name == "python" for package in environment.packages):
        lost: dict[str, str] = {}
        # A file of conda, which the rule `missing-files` reports.
        if not program.exists():
            return
    else:
        lost = find_lost_links(prefix, record.python.executable) if configuration.is_file() else {}
    if lost:
        yield describe_lost(environment, lost)
    elif not program.exists():
        target = f", a link to {os.path.realpath(program)}" if program.is_symlink() else ""
        yield report_python(program, f"its Python is gone: {program}{target}", rebuild)
    elif is_launcher(program) and not Path(record.python.executable).exists():
        yield report_python(program, f"its Python is gone: {record.python.executable}", rebuild)
    elif record.kind == "venv" and not configuration.is_file():
        what = "its pyvenv.cfg is gone, so Python does not find the packages in it"
        yield report_python(configuration, what, rebuild)
    elif record.kind == "venv":
        yield from compare_venv(environment, record)
    else:
        now = next((p.version for p in environment.packages if p.name == "python"), "")
        if now and get_minor_version(now) != get_minor_version(record.python.version):
            what = f"its Python is now {now}; it was {record.python.version} when its module was written"
            back = f"conda install --prefix {quote_word(prefix)} python={record.python.version}"
            yield report_python(program, what, f"{rebuild}; or, to go back: {back}")


def describe_lost(environment: CheckedEnvironment, links: Iterable[str]) -> Finding:
    """Return the finding that `links` to the Python, which exists, are gone from the venv."""
    paths = [f"bin/{name}" for name in links]
    return Finding(
        "python-changed",
        "broken",
        f"the environment has no {', '.join(paths)}",
        str(environment.prefix / paths[0]),
        "its programs do not start, or another Python runs instead",
        environment.refresh.sentence,
        (environment.refresh,),
        hides=OF_PYTHON,
        breaks="environment",
    )


def compare_venv(environment: CheckedEnvironment, record: Record) -> Iterator[Finding]:
    """Yield a finding if the Python is not the one with which the venv was created."""
    assert record.python is not None
    if environment.venv is None:
        return
    executable, made_with = environment.venv.executable, record.python
    rebuild = f"stackenv rebuild {environment.full_name}"
    program = environment.prefix / "bin/python"
    if executable != made_with.real:
        what = f"its Python now points to {executable}; it was created with {made_with.executable}"
        yield report_python(program, what, rebuild)
        return
    stack = environment.loaded_stack
    python = stack and stack.python
    if not python or python.real != executable or python.version == made_with.version:
        return
    what = f"{executable} is now Python {python.version}; it was {made_with.version}"
    if python.minor != made_with.minor:
        yield report_python(program, what, rebuild)
        return
    fix = environment.refresh
    yield Finding(
        "python-changed",
        "warning",
        what,
        str(program),
        "usually everything keeps working; results may differ in the last digit",
        f"to record the new version: {fix.sentence}; to reinstall all packages: {rebuild}",
        (fix,),
    )


def report_python(path: Path, what: str, hint: str) -> Finding:
    """Return the finding `what`, at `path`."""
    why = "the environment does not start, or its packages are not found or crash"
    return Finding(
        "python-changed", "broken", what, str(path), why, hint, hides=OF_PYTHON, breaks="environment"
    )


def get_minor_version(version: str) -> str:
    """Return the major and minor version, which is part of the path of site-packages."""
    return ".".join(version.split(".")[:2])


def find_platform(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield a finding when this node's machine, operating system or CPU does not fit the environment."""
    record = environment.record
    if record is None:
        return
    made, machine, system = record.platform, os.uname().machine, read_os()
    if machine != made.machine:
        what = f"it was created on {made.machine}, but this node is {machine}"
    elif made.os and system and system != made.os:
        what = f"it was created on {made.os}, but this node has {system}"
    else:
        lacking = sorted(set(record.cpu_features) - read_cpu_features()) if record.cpu_features else []
        if not lacking:
            return
        what = f"its compiled packages need {', '.join(lacking)}, which this node's CPU lacks"
    yield Finding(
        "platform",
        "broken",
        what,
        f"{os.uname().nodename}; created on: {' '.join(filter(None, (made.machine, made.os, made.cpu)))}",
        f"`module load {environment.full_name}` is refused here, because its compiled packages could crash",
        f"use it on such nodes; for this kind of node: stackenv rebuild {environment.full_name}",
        breaks="environment",
    )


def read_cpu_features(path: Path = Path("/proc/cpuinfo")) -> set[str]:
    """Return the features of this node's CPU (proc(5)): the line `flags`, or `Features` on Arm."""
    for line in read_file_text(path, errors="replace").splitlines():
        title, _, words = line.partition(":")
        if title.strip() in ("flags", "Features"):
            return set(words.split())
    return set()
