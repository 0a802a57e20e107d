"""The user's conda configuration: unreadable files, entries that the site forbids, conflicting variables."""

from __future__ import annotations

import itertools
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from stackenv.account.account import Account, find_variable_places
from stackenv.conda.storage import list_site_storage
from stackenv.configuration.channels import DEFAULTS_URLS, name_channel
from stackenv.disk.purged_storage import find_purged_folder
from stackenv.health.finding import Finding, MoveAside, RewriteFile
from stackenv.plain_files import read_file_bytes
from stackenv.user_paths import expand, find_absolute


def find_condarc(account: Account) -> Iterator[Finding]:
    """Yield a finding for each of the user's condarc files that conda cannot read as a YAML mapping."""
    for file in account.condarc_files():
        yield from (set_aside(file, finding) for finding in find_syntax_faults(file))


def find_syntax_faults(file: Path) -> Iterator[Finding]:
    """Yield a finding for each fault of `file`."""
    contents = read_file_bytes(file)
    try:
        text = contents.decode("utf-8")
        data, node = yaml.safe_load(text), yaml.compose(text, yaml.SafeLoader)
    except UnicodeDecodeError as error:
        line = contents[: error.start].count(b"\n") + 1
        yield report_unreadable(f"{file}:{line}", "the file is not UTF-8")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        yield report_unreadable(
            f"{file}:{mark.line + 1}" if mark else str(file), getattr(error, "problem", error)
        )
    except (ValueError, RecursionError) as error:
        yield report_unreadable(str(file), error)
    else:
        if data is not None and not isinstance(data, dict):
            yield report_unreadable(f"{file}:1", "the file must consist of `key: value` lines")
        elif isinstance(node, yaml.MappingNode):
            yield from find_repeated(node, file)


def find_repeated(node: yaml.MappingNode, file: Path) -> Iterator[Finding]:
    """Yield a finding for each key that `node` of `file` has twice, which ruamel.yaml rejects."""
    lines: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if key.value in lines:
            yield report_unreadable(
                f"{file}:{line}", f"`{key.value}` is already set in line {lines[key.value]}"
            )
        lines.setdefault(key.value, line)


def report_unreadable(where: str, problem: object) -> Finding:
    """Return the finding that conda cannot read the file at `where` because of `problem`."""
    return Finding(
        "condarc",
        "broken",
        f"conda cannot read its configuration: {problem}",
        where,
        "all conda commands fail, including `conda activate`",
        "correct that line in an editor",
        breaks="conda",
    )


def set_aside(file: Path, finding: Finding) -> Finding:
    """Return `finding` with the fix of moving `file` aside, if the user may rename it."""
    if file.lstat().st_uid != os.geteuid() or not os.access(file.parent, os.W_OK):
        return finding
    action = MoveAside(str(file), read_file_bytes(file), str(next(name_aside(file))))
    return replace(
        finding,
        hint=f"{finding.hint}; or move the file aside, so that conda ignores it: stackenv check --fix",
        fix=(action,),
    )


def name_aside(file: Path) -> Iterator[Path]:
    """Yield unused names for `file` under which conda does not read it."""
    for number in itertools.count(1):
        target = file.with_name(f"{file.name}.moved-aside" + (f".{number}" if number > 1 else ""))
        if not os.path.lexists(target):
            yield target


FOLDERS = {"envs_dirs": "environments", "envs_path": "environments", "pkgs_dirs": "packages"}


@dataclass(frozen=True)
class Fault:
    """A finding about a line of a condarc; `can_go` says whether its list entry can be deleted."""

    finding: Finding
    key: str
    entry: yaml.Node
    can_go: bool


def find_condarc_policy(account: Account) -> Iterator[Finding]:
    """Yield a finding for each entry of a condarc file of the user that the site configuration forbids."""
    for file in account.condarc_files():
        contents = read_file_bytes(file)
        try:
            node = yaml.compose(contents, yaml.SafeLoader)
        except (yaml.YAMLError, ValueError, RecursionError):
            # The rule `condarc` reports that.
            continue
        if isinstance(node, yaml.MappingNode):
            faults = list(find_forbidden_entries(node, file, account))
            fix = make_fix(file, contents, [fault for fault in faults if fault.can_go])
            for fault in faults:
                if fix and fault.can_go:
                    yield replace(fault.finding, hint="stackenv check --fix", fix=fix)
                else:
                    yield fault.finding


def find_forbidden_entries(node: yaml.MappingNode, file: Path, account: Account) -> Iterator[Fault]:
    """Yield the entries in the mapping `node` of `file` that the site configuration forbids."""
    conda = account.configuration.conda
    for key_node, value in node.value:
        key = str(key_node.value)
        entries = value.value if isinstance(value, yaml.SequenceNode) else [value]
        scalars = [entry for entry in entries if isinstance(entry, yaml.ScalarNode)]
        where = f"{file}:{key_node.start_mark.line + 1}"
        if key in conda.final:
            yield Fault(
                report_entry(where, f"`{key}` has no effect, because the site sets its own value"),
                key,
                key_node,
                False,
            )
        for entry in scalars:
            where = f"{file}:{entry.start_mark.line + 1}"
            if key in FOLDERS:
                finding = judge_folder(key, entry.value, where, account)
                # Without the entry, environments in the folder would not be found by name.
                can_go = key == "pkgs_dirs" and len(entries) == len(scalars)
            else:
                finding = judge_channel(entry.value, where, account) if key == "channels" else None
                can_go = True
            if finding:
                yield Fault(finding, key, entry, can_go)


def judge_folder(key: str, text: str, where: str, account: Account) -> Finding | None:
    """Return a finding if the folder `text` of `key` is in a place that the site does not want; else None."""
    path = find_absolute(expand(text, account.environ))
    if path is None:
        return None
    what = FOLDERS[key]
    move = f"move its contents, then delete the entry {text} from {key}" if what == "environments" else ""
    purged = find_purged_folder(path, account.environ, account.configuration)
    if purged:
        why = f"old files in {purged} are deleted, including single files of {what}"
        return report_entry(where, f"`{key}` points to purged storage: {path}", why, move)
    place = next(iter(list_site_storage(account.environ, account.configuration)), None)
    home = account.home
    if place is None or home not in path.parents or home in place.environments.parents:
        return None
    folder = place.environments if what == "environments" else place.packages
    why = f"{what} fill up your home directory; the site provides {folder} for them"
    return report_entry(where, f"`{key}` points into your home directory: {path}", why, move)


def judge_channel(text: str, where: str, account: Account) -> Finding | None:
    """Return a finding if the site configuration denies the channel `text`; else None."""
    channels = account.configuration.conda.channels
    denied = [name_channel(channel) for channel in channels.denied]
    stands_for = [name_channel(text)]
    if text == "defaults" and not channels.replace_defaults:
        stands_for += DEFAULTS_URLS
    if not any(channel in denied for channel in stands_for):
        return None
    instead = ", ".join(channels.default)
    why = "conda 24.9 and later refuse to install anything while this channel is listed"
    if instead:
        why += f"; the site's channels: {instead}"
    return report_entry(where, f"the channel {text} is not allowed at this site", why)


def report_entry(where: str, what: str, why: str = "", hint: str = "") -> Finding:
    """Return a finding of this rule."""
    why = why or "conda does not do what this line says"
    return Finding("condarc-policy", "warning", what, where, why, hint or "delete it in an editor")


def make_fix(file: Path, contents: bytes, faults: Sequence[Fault]) -> tuple[RewriteFile, ...]:
    """Return the fix that deletes the entries of `faults` from `file`; empty if that is not simple.

    Only whole lines are deleted, and the rest must keep its meaning.
    """
    try:
        before = yaml.safe_load(contents) if faults else {}
    except (yaml.YAMLError, ValueError, RecursionError):
        # It has tags, which conda may know.
        return ()
    after: dict[str, Any] = dict(before)
    lines, gone = contents.splitlines(keepends=True), set()
    for key in {fault.key for fault in faults}:
        entries = {fault.entry.start_mark.line: fault.entry for fault in faults if fault.key == key}
        if not isinstance(before[key], list):
            return ()
        values = {str(entry.value) for entry in entries.values()}
        after[key] = [value for value in before[key] if str(value) not in values]
        gone |= set(entries)
        if not after[key]:
            del after[key]
            gone |= {number for number, line in enumerate(lines) if line.rstrip() == f"{key}:".encode()}
    new = b"".join(line for number, line in enumerate(lines) if number not in gone)
    if not faults or not means(new, after):
        return ()
    return (RewriteFile(str(file), contents, new),)


def means(contents: bytes, data: Mapping[str, Any]) -> bool:
    """Return whether the YAML `contents` is `data`."""
    try:
        return (yaml.safe_load(contents) or {}) == data
    except (yaml.YAMLError, ValueError, RecursionError):
        return False


KEPT_VARIABLE, REFUSED_VARIABLE = "CONDA_ENVS_PATH", "CONDA_ENVS_DIRS"


def find_conda_envs_variables(account: Account) -> Iterator[Finding]:
    """Yield a finding when CONDA_ENVS_PATH and CONDA_ENVS_DIRS are both set."""
    environ = account.environ
    if KEPT_VARIABLE not in environ or REFUSED_VARIABLE not in environ:
        return
    places = {name: list(find_variable_places(name, account)) for name in (KEPT_VARIABLE, REFUSED_VARIABLE)}
    folders = [
        f for f in environ[REFUSED_VARIABLE].split(":") if f and f not in environ[KEPT_VARIABLE].split(":")
    ]
    now = f"unset {REFUSED_VARIABLE}"
    if folders:
        now += f"; export {KEPT_VARIABLE}=${KEPT_VARIABLE}:{shlex.quote(':'.join(folders))}"
    for_good = (
        f"; permanently: delete it from {places[REFUSED_VARIABLE][0]}" if places[REFUSED_VARIABLE] else ""
    )
    told = "; ".join(f"{name}: {', '.join(found)}" for name, found in places.items() if found)
    yield Finding(
        "conda-envs-variables",
        "broken",
        f"{KEPT_VARIABLE} and {REFUSED_VARIABLE} are both set, which conda does not allow",
        told or f"environment variables {KEPT_VARIABLE} and {REFUSED_VARIABLE}",
        "all conda commands fail with MultipleKeysError, including `conda activate`",
        now + for_good,
        breaks="conda",
    )
