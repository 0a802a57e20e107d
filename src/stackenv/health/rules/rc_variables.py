"""Start-up files set variables that reach into each Python and each program."""

from __future__ import annotations

from collections.abc import Iterator

from stackenv.account.account import Account
from stackenv.health.finding import Finding

WHY = {
    "PYTHONPATH": "each Python imports from there first, whatever environment or module is loaded",
    "PYTHONHOME": "each other Python looks there for its own standard library, and does not start",
    "LD_LIBRARY_PATH": "programs of modules and environments take libraries from there before their own",
}


def find(account: Account) -> Iterator[Finding]:
    """Yield a finding for each line that gives one of these variables a value."""
    for file in account.start_files:
        for number, name, value in file.list_assignments(tuple(WHY)):
            yield Finding(
                "rc-variables",
                "warning",
                f"{name} is set when a shell starts: {value}",
                f"{file.path}:{number}",
                WHY[name],
                f"delete line {number}, or put # in front of it; for one program alone: "
                f"env {name}=FOLDER PROGRAM",
            )
