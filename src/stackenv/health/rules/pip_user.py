"""pip is told to install into ~/.local, always."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from stackenv.account.account import Account
from stackenv.account.storage_places import find_absolute, find_home
from stackenv.health.finding import Finding

TRUE = ("1", "true", "yes", "on", "t", "y")
SECTION = re.compile(r"\[(.+)\]")
KEY = re.compile(r"user\s*[=:]\s*(\w+)", re.IGNORECASE)


def find(account: Account) -> Iterator[Finding]:
    """Yield a finding for PIP_USER, by the line that sets it if that is known, and for pip's own files."""
    lines = [
        (f"{file.path}:{number}", value)
        for file in account.start_files
        for number, _, value in file.list_assignments(["PIP_USER"])
    ]
    for where, value in lines:
        if value.lower() in TRUE:
            yield report(f"PIP_USER={value}", where, "delete that line; in this shell: unset PIP_USER")
    if not lines and account.environ.get("PIP_USER", "").lower() in TRUE:
        yield report("PIP_USER is set", "environment variable PIP_USER", "unset PIP_USER")
    for path in list_pip_files(account):
        yield from (report("user = true", f"{path}:{line}", "delete that line") for line in find_user(path))


def list_pip_files(account: Account) -> Iterator[Path]:
    """Yield the user's own files of pip's configuration that are there (pip/_internal/configuration.py)."""
    environ = account.environ
    config = find_absolute(environ.get("XDG_CONFIG_HOME", "")) or find_home(environ, ".config")
    places = (find_home(environ, ".pip/pip.conf"), config and config / "pip/pip.conf")
    for path in (*places, find_absolute(environ.get("PIP_CONFIG_FILE", ""))):
        if path and path.is_file():
            yield path


def find_user(path: Path) -> Iterator[int]:
    """Yield the lines of the file `path` by which `pip install` means `pip install --user`."""
    section = ""
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        begun, found = SECTION.match(line.strip()), KEY.match(line)
        section = begun.group(1) if begun else section
        if found and section in ("global", "install") and found.group(1).lower() in TRUE:
            yield number


def report(what: str, where: str, hint: str) -> Finding:
    """Return the finding that `what` stands at `where`."""
    return Finding(
        "pip-user",
        "warning",
        f"each `pip install` means `pip install --user`: {what}",
        where,
        "in an environment it fails, or installs into ~/.local, where every other environment finds it",
        hint,
    )
