"""A configuration file of conda's that cannot be read breaks each command of conda, activation too."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import yaml

from stackenv.account.account import Account
from stackenv.health.finding import Finding, MoveAside


def find(account: Account) -> Iterator[Finding]:
    """Yield a finding for each of the user's condarc files that is no YAML mapping, in the eyes of conda."""
    for file in account.condarc_files():
        yield from (set_aside(file, finding) for finding in find_faults(file))


def find_faults(file: Path) -> Iterator[Finding]:
    """Yield a finding for each fault of `file`."""
    contents = file.read_bytes()
    try:
        text = contents.decode("utf-8")
        data, node = yaml.safe_load(text), yaml.compose(text, yaml.SafeLoader)
    except UnicodeDecodeError as error:
        line = contents[: error.start].count(b"\n") + 1
        yield report(f"{file}:{line}", "it is not in UTF-8")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        yield report(f"{file}:{mark.line + 1}" if mark else str(file), getattr(error, "problem", error))
    except (ValueError, RecursionError) as error:
        yield report(str(file), error)
    else:
        if data is not None and not isinstance(data, dict):
            yield report(f"{file}:1", "it must be a list of `key: value`")
        elif isinstance(node, yaml.MappingNode):
            yield from find_repeated(node, file)


def find_repeated(node: yaml.MappingNode, file: Path) -> Iterator[Finding]:
    """Yield a finding for each key that the mapping `node` of `file` has twice (ruamel.yaml refuses that)."""
    lines: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if key.value in lines:
            yield report(f"{file}:{line}", f"`{key.value}` stands in line {lines[key.value]} already")
        lines.setdefault(key.value, line)


def report(where: str, problem: object) -> Finding:
    """Return the finding that the file of `where` has `problem`."""
    return Finding(
        "condarc",
        "broken",
        f"conda cannot read its configuration: {problem}",
        where,
        "every command of conda fails, `conda activate` too",
        "correct that line with an editor",
        breaks="conda",
    )


def set_aside(file: Path, finding: Finding) -> Finding:
    """Return `finding` with the fix that conda goes without `file`, if it is the user's to rename."""
    if file.lstat().st_uid != os.geteuid() or not os.access(file.parent, os.W_OK):
        return finding
    action = MoveAside(str(file), file.read_bytes(), str(next(name_aside(file))))
    return replace(
        finding,
        hint=f"{finding.hint}; or rename the file, so that conda works without it: stackenv check --fix",
        fix=(action,),
    )


def name_aside(file: Path) -> Iterator[Path]:
    """Yield the free names for `file` where conda does not read it."""
    for number in itertools.count(1):
        target = file.with_name(f"{file.name}.moved-aside" + (f".{number}" if number > 1 else ""))
        if not os.path.lexists(target):
            yield target
