"""A conda environment is activated when a shell starts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stackenv.account.account import Account
from stackenv.account.init_blocks import find_init_blocks
from stackenv.health.finding import Finding

ACTIVATE = re.compile(r"(?:(?:conda|mamba|micromamba)\s+|source\s+(?:\S*/)?|\.\s+\S*/)activate\b(?!\S)")
LOAD = re.compile(r"(?:module\s+(?:load|add)|ml(?:\s+load)?)\s+(?P<names>.+)")


def find(account: Account) -> Iterator[Finding]:
    """Yield a finding for each line of a start-up file that activates an environment."""
    names = tuple(name.lower() for name in account.configuration.conda.names)
    for file in account.start_files:
        blocks = list(find_init_blocks(file.contents))
        loads = ""
        for number, command in file.list_commands():
            load = LOAD.match(command)
            if load and load["names"].lower().startswith(names):
                loads = f", behind `{command}` in line {number}"
            if not ACTIVATE.match(command) or any(b.first < number < b.last for b in blocks):
                continue
            yield Finding(
                "conda-at-login",
                "warning",
                f"each new shell activates an environment: `{command}`{loads}",
                f"{file.path}:{number}",
                "logins wait for it, jobs inherit its programs and libraries, modules loaded later meet "
                "another Python; when it fails, so do remote desktops and scp",
                f"delete line {number}, or put # in front of it; type it when you need it, and in scripts",
            )
