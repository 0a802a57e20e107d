"""Whether an environment's Python carries its modules, and so finds their packages without a load."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from stackenv.configuration.settings import PersonalSettings
from stackenv.environments.added_files import LAYERS, find_site_packages
from stackenv.environments.carried import (
    BY_SITE,
    NO_RECORD,
    PYTHON_NEEDS_MODULES,
    describe_modulefile,
    find_reason,
    lacks_libraries,
    list_set_entries,
    needs_modules,
    split_entries,
)
from stackenv.environments.other_session import ANOTHER_SESSION
from stackenv.environments.packed import ENTRANCE, IMAGE
from stackenv.environments.platform import list_cpu_features, read_cpu_alias
from stackenv.environments.stack import Stack
from stackenv.health.checked_environment import CheckedEnvironment
from stackenv.health.finding import Finding, RunCommand
from stackenv.health.rules.permissions import who_writes
from stackenv.health.rules.python import read_cpu_features
from stackenv.output import shorten_list
from stackenv.record import RECORD_FILE, Carried, Modulefile, Record
from stackenv.transactions.writers import name_user

BARE = "if its Python is started without its modules (by an editor, cron, ssh or srun),"
MISSED = "it does not find their packages"
WHY = f"{BARE} {MISSED}"
# Under which key of the record the entries of each variable are.
VARIABLES = {
    "PYTHONPATH": "python_path",
    "EBPYTHONPREFIXES": "prefixes",
    "LD_LIBRARY_PATH": "libraries",
    "LD_PRELOAD": "preload",
}


def find_carrying(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield findings when the Python does not carry its modules, or not as they are now."""
    record = environment.record
    if record is None or not environment.prefix.is_dir():
        return
    reason, settings = find_reason(record), environment.configuration.personal
    if reason == BY_SITE and settings.carry:
        what = (
            "its Python does not find its modules when they are not loaded (`--carry`), although the site "
            "configuration now allows it"
        )
        yield report_outdated(environment, what)
    elif reason == NO_RECORD and settings.carry:
        what = (
            "the variables of its modules are not recorded: the record was written by an older stackenv, or "
            "the modules could not be loaded"
        )
        off = f"; to stop carrying modules: stackenv edit {record.full_name} --no-carry"
        yield report_outdated(environment, what, off)
    elif reason == PYTHON_NEEDS_MODULES or (
        reason == BY_SITE and environment.trusted and needs_modules(record)
    ):
        yield report_python(environment)
    elif not reason and record.carried and not settings.carry:
        what = "the environment carries its modules, but the site configuration now turns that off "
        why = "its Python uses the modules even when they are not loaded, which this site does not want"
        yield report_outdated(environment, f"{what}(personal.carry)", why=why)
    elif not reason and record.carried:
        yield from look_at_carried(environment, record, record.carried)


def list_gone(carried: Carried, stack: Stack) -> list[str]:
    """Return the recorded installations of modules that no longer exist although their modulefiles do.

    Single folders do not count, because some modules name folders that never existed.
    """
    entries = (*carried.python_path, *carried.prefixes, *carried.libraries)
    roots = [path for name, path in stack.environ.items() if name.startswith("EBROOT") and len(path) > 1]
    used = [root for root in roots if any(f"{entry}/".startswith(f"{root}/") for entry in entries)]
    return sorted(root for root in used if not Path(root).is_dir())


def look_at_carried(environment: CheckedEnvironment, record: Record, carried: Carried) -> Iterator[Finding]:
    """Yield the findings about the recorded modules `carried`."""
    changes = [*list_changed(environment, record, carried)]
    if changes:
        what, why = ("; ".join(dict.fromkeys(texts)) for texts in zip(*changes))
        yield report_outdated(environment, what, why=f"{BARE} {why}")
    gone = list_gone(carried, environment.stack) if environment.loaded_stack else []
    if gone:
        yield report_gone(environment, gone)
    lacking = list_lacking(carried)
    if lacking:
        yield report_cpu(environment, carried, lacking)
    yield from look_at_writers(environment, record)


def report_outdated(environment: CheckedEnvironment, what: str, more: str = "", why: str = WHY) -> Finding:
    """Return the finding `what`, which a refresh fixes; `more` is added to the hint."""
    fix, name, record = environment.refresh, environment.full_name, environment.record
    again = fix.sentence
    # A file in the image decides whether it carries; in a namespace the image hides all files beside it.
    packed = record.packed if record else None
    is_recorded = record is not None and (record.carried or record.carry_off)
    is_in_image = packed is not None and (packed.way == "namespace" or not is_recorded)
    if is_in_image:
        again = f"stackenv unpack {name}; {again}; stackenv pack {name}"
    return Finding(
        *("carrying", "warning", what, str(environment.prefix / RECORD_FILE), why, f"{again}{more}"),
        () if is_in_image else (fix,),
    )


def report_gone(environment: CheckedEnvironment, gone: list[str]) -> Finding:
    """Return the finding that installations of modules are gone."""
    name = environment.full_name
    return Finding(
        "carrying",
        "broken",
        f"software of its modules is gone: {shorten_list(gone)}",
        gone[0],
        f"its packages cannot be imported, even after `module load {name}`",
        f"ask your site's support; to use other modules: stackenv rebuild {name} -m MODULE",
    )


def report_python(environment: CheckedEnvironment) -> Finding:
    """Return the finding that the Python needs a library of the modules to start."""
    name = environment.full_name
    return Finding(
        "carrying",
        "warning",
        "its Python starts only while its modules are loaded, because it needs their libraries or variables",
        str(environment.prefix / "bin/python"),
        "an editor, cron, ssh or srun cannot start it by its path",
        f"stackenv run {name} -- python SCRIPT; to silence this message: stackenv edit {name} --no-carry",
    )


def list_changed(
    environment: CheckedEnvironment, record: Record, carried: Carried
) -> Iterator[tuple[str, str]]:
    """Yield a sentence for each difference from the record, and what a start without modules then does.

    Nothing if the modules cannot be loaded, which the rule `modules-gone` reports.
    """
    stack = environment.loaded_stack
    if stack is None:
        return
    settings = environment.configuration.personal
    yield from ((found, MISSED) for file in carried.modulefiles if (found := compare_modulefile(file)))
    yield from ((found, "it uses what they set earlier") for found in compare_entries(carried, stack))
    yield from (
        (found, "it does not set them as the modules do (personal.carry_variables)")
        for found in compare_variables(carried, stack, settings)
    )
    yield from compare_cpus(carried, settings)
    if lacks_libraries(record, stack):
        what = "a package in it needs libraries of the modules, which the record does not contain"
        yield what, "it cannot import that package, or loads other libraries"


def compare_modulefile(file: Modulefile) -> str:
    """Return a sentence if the modulefile is gone or has changed since it was recorded; otherwise empty."""
    try:
        now = describe_modulefile(file.path)
    except (FileNotFoundError, NotADirectoryError):
        return f"the modulefile {file.path} is gone"
    except OSError as error:
        return f"the modulefile {file.path} cannot be read ({error.strerror})"
    return "" if now.sha256 == file.sha256 else f"the modulefile {file.path} has changed"


def compare_entries(carried: Carried, stack: Stack) -> Iterator[str]:
    """Yield a sentence for each variable for which the modules now set other entries than recorded."""
    for variable, name in VARIABLES.items():
        recorded = getattr(carried, name)
        if name == "libraries" and not recorded:
            # No library is needed.
            continue
        there = list(dict.fromkeys(split_entries(variable, stack.environ.get(variable, ""))))
        new = [e for e in list_set_entries(variable, stack) if e not in recorded and is_to_be_found(e, stack)]
        if new or [entry for entry in there if entry in recorded] != list(recorded):
            yield f"its modules now set a different {variable}"


def compare_variables(carried: Carried, stack: Stack, settings: PersonalSettings) -> Iterator[str]:
    """Yield a sentence if the variables that the site wants carried, or their values, have changed."""
    recorded = dict(carried.variables)
    now = {
        name: stack.environ[name]
        for name in settings.carry_variables
        if name in stack.environ and (name in recorded or stack.environ[name] != stack.before.get(name))
    }
    now = {n: v for n, v in now.items() if n in recorded or not is_of_session(v, stack.before)}
    if recorded != now:
        names = sorted(n for n in {*recorded, *now} if recorded.get(n) != now.get(n))
        yield f"the variables to carry have changed: {', '.join(names)}"


def compare_cpus(carried: Carried, settings: PersonalSettings) -> Iterator[tuple[str, str]]:
    """Yield a sentence, and its consequence, if the site has changed whether CPUs are compared."""
    what = "the site configuration now has a different rule for CPUs (personal.carry_on_any_cpu)"
    if carried.cpu_features and settings.carry_on_any_cpu:
        yield what, "it does not use the modules on a CPU that lacks a feature of the recorded one"
    # On some machines the CPU has no feature that is compared.
    elif not carried.cpu_features and not settings.carry_on_any_cpu and list_cpu_features():
        yield what, "it uses the modules on older CPUs too, where their programs may crash"


def is_to_be_found(entry: str, stack: Stack) -> bool:
    """Return whether `entry` exists, independent of where a program is started."""
    return not is_of_session(entry, stack.before) and ("/" not in entry or Path(entry).exists())


def is_of_session(value: str, environ: Mapping[str, str]) -> bool:
    """Return whether `value` depends on the session; such values are not recorded."""
    values = [environ.get(name, "") for name in ANOTHER_SESSION]
    return any(
        f"{value}/".startswith(f"{own.rstrip('/')}/") if own.startswith("/") else own in value.split("/")
        for own in filter(None, values)
    )


def list_lacking(carried: Carried) -> list[str]:
    """Return the recorded features that this CPU lacks (require_cpu in modulefiles/libexec/carry.py)."""
    if not carried.cpu_features or (carried.cpu_alias and carried.cpu_alias == read_cpu_alias()):
        return []
    return sorted(set(carried.cpu_features) - read_cpu_features())


def report_cpu(environment: CheckedEnvironment, carried: Carried, lacking: list[str]) -> Finding:
    """Return the finding that this node's CPU lacks features of the recorded CPU."""
    refresh = environment.refresh.sentence
    return Finding(
        "carrying",
        "warning",
        f"its modules were recorded on the CPU {carried.cpu}; this node's CPU lacks {shorten_list(lacking)}",
        f"{os.uname().nodename}; {environment.prefix / RECORD_FILE}",
        f"{WHY} on such nodes, because programs built for {carried.cpu} would crash there",
        f"module load {environment.full_name}; or, to record the modules on this node, for its CPU and newer "
        f"ones: {refresh}",
    )


def look_at_writers(environment: CheckedEnvironment, record: Record) -> Iterator[Finding]:
    """Yield a finding if users who cannot write the file that reads the record could have written the record.

    The conditions are those at a start of the Python (read_record in modulefiles/libexec/carry.py).
    """
    assert record.python is not None
    path = environment.prefix / RECORD_FILE
    reader = maker = Path(find_site_packages(str(environment.prefix), record.python), f"{LAYERS}.py")
    if record.packed:
        # The reader is in the image, and belongs to the user who packed it.
        reader, maker = environment.prefix / ENTRANCE, environment.prefix / IMAGE
    try:
        found, own, folder = path.lstat(), reader.stat(), path.parent.stat()
        owners = (os.geteuid(), 0, maker.stat().st_uid)
    except OSError:
        # The rule `managed-files` reports that.
        return
    if stat.S_ISLNK(found.st_mode):
        yield report_outdated(environment, "the record is a symbolic link, which its Python does not follow")
        return
    is_foreign = found.st_uid not in owners and not (record.packed and is_of_group(found, folder, owners))
    more = found.st_mode & ~own.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if not is_foreign and not more and not (found.st_mode & stat.S_IWGRP and found.st_gid != own.st_gid):
        return
    # Those are findings of the rule `open-to-others`.
    if who_writes(path, environment) or (is_foreign and not environment.shared):
        return
    owner = name_user(found.st_uid)
    mine = found.st_uid == os.geteuid() and not environment.shared
    fix = RunCommand(("chmod", "go-w", str(path))) if mine else environment.refresh
    yield Finding(
        "carrying",
        "warning",
        f"the record belongs to {owner}" if is_foreign else "the record is writable by a group",
        str(path),
        f"{WHY}, because it ignores a record that users who cannot write {reader.name} could have written",
        fix.sentence,
        (fix,),
    )


def is_of_group(found: os.stat_result, folder: os.stat_result, owners: Collection[int]) -> bool:
    """Return whether a file belongs to a member of the group that one of `owners` shares `folder` with."""
    shared = folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH) == stat.S_IWGRP
    return shared and folder.st_uid in owners and folder.st_gid == found.st_gid
