"""The files that stackenv wrote for an environment: the record, the modulefile, and files in it."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from packaging.utils import canonicalize_name

from stackenv.conda.activation.sources import hash_activation
from stackenv.environments.added_files import CARRY, describe_files
from stackenv.environments.managed_files import (
    has_contents,
    is_users,
    list_lost_files,
    list_unused_files,
)
from stackenv.environments.module import describe_module
from stackenv.environments.packed import describe_contents
from stackenv.errors import quote_word
from stackenv.health.checked_environment import CheckedEnvironment
from stackenv.health.finding import Finding, RunCommand
from stackenv.health.rules.python import OF_PYTHON
from stackenv.modulefile.text import is_as_written, render_installed_file, render_module
from stackenv.output import format_count, shorten_list
from stackenv.plain_files import read_file_text
from stackenv.record import RECORD_FILE, Record
from stackenv.transactions.transaction import read_text

# Why these matter: a lost record, and what is out of date.
NO_RECORD = "without its record, the environment can be neither changed nor rebuilt"
OLD_MODULE = "the module still behaves as when it was written, not as it should now"
CHANGED_PINS = (
    "pip and uv may replace packages of the modules, or keep versions that the modules no longer have"
)
CHANGED_SCRIPTS = "the module may not set the same variables as `conda activate`"


def find_environment_gone(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield a finding when the folder or record is gone, or the record belongs to another environment."""
    name, prefix = environment.full_name, environment.prefix
    if not prefix.is_dir() and not prefix.parent.is_dir():
        yield Finding(
            "environment-gone",
            "broken",
            f"its environment {prefix} is not available, and neither is the folder above it",
            str(environment.modulefile),
            f"`module load {name}` fails; the file system may be missing on this node only",
            f"ls -ld {quote_word(prefix.parent)}; on another node: stackenv check {name}",
            breaks="environment",
        )
    elif not prefix.is_dir():
        remove = RunCommand(("stackenv", "remove", name, "--yes"))
        yield Finding(
            "environment-gone",
            "broken",
            f"its environment {prefix} is gone",
            str(environment.modulefile),
            f"`module load {name}` fails",
            f"if it was moved: stackenv adopt NEW_PATH {name.split('/')[0]}; if it is no longer needed: "
            f"{remove.sentence}; if you have `stackenv export` output: stackenv create NAME --from FILE",
            breaks="environment",
        )
    elif environment.record is None and not environment.record_lost:
        yield Finding(
            "environment-gone",
            "broken",
            environment.problem,
            str(prefix / RECORD_FILE),
            NO_RECORD,
            environment.hint,
            breaks="environment",
        )


def find_managed_files(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield a finding for files of stackenv that are missing, empty or not executable."""
    record, prefix = environment.record, environment.prefix
    if not prefix.is_dir():
        return
    if environment.record_lost:
        yield Finding(
            "managed-files",
            "broken",
            environment.problem,
            str(prefix / RECORD_FILE),
            NO_RECORD,
            environment.refresh.sentence,
            (environment.refresh,),
            breaks="environment",
        )
    if record is None:
        return
    yield from report_not_executable(environment, record)
    lost = list_lost_files((*describe_files(record), *describe_contents(record)), record.path)
    # `stale` has these.
    unused = list_unused_files(describe_files(record), record.path)
    # Needed only with recorded modules; the rule `carrying` reports if there are none.
    needless = set() if record.carried else {f"{CARRY}.py"}
    lost = [file for file in lost if file not in unused and Path(file.path).name not in needless]
    if holds_shell_code(environment.modulefile):
        # `stale` says what to type.
        lost = [file for file in lost if not file.path.endswith((".sh", ".fish"))]
    if not lost:
        return
    names = [file.path[len(record.path) + 1 :] for file in lost]
    count = format_count(len(lost), "file")
    yield Finding(
        "managed-files",
        "broken",
        f"{count} that stackenv wrote {'is' if len(lost) == 1 else 'are'} missing or empty: "
        f"{', '.join(names)}",
        lost[0].path,
        "; ".join(dict.fromkeys(file.loss for file in lost if file.loss)),
        environment.refresh.sentence,
        (environment.refresh,),
        tuple(names),
        # Read at the start of Python.
        OF_PYTHON if any("/site-packages/" in file.path for file in lost) else (),
        "environment",
    )


def report_not_executable(environment: CheckedEnvironment, record: Record) -> Iterator[Finding]:
    """Yield a finding for programs of stackenv in the environment that cannot be executed."""
    programs = [
        file
        for file in describe_files(record)
        if file.executable and has_contents(Path(file.path)) and not is_users(file, record.path)
    ]
    # Not by os.access: on a noexec mount a refresh would not help.
    lost = [file for file in programs if not Path(file.path).stat().st_mode & stat.S_IXUSR]
    if not lost:
        return
    names = [file.path[len(record.path) + 1 :] for file in lost]
    starts = any(file.link for file in lost)
    yield Finding(
        "managed-files",
        "broken",
        f"{shorten_list(names)} cannot be executed",
        lost[0].path,
        "its Python does not start, nor does any program that uses it"
        if starts
        else "these programs do not start",
        environment.refresh.sentence,
        (environment.refresh,),
        tuple(names),
        OF_PYTHON if starts else (),
        "environment",
    )


def holds_shell_code(modulefile: Path) -> bool:
    """Return whether `modulefile` contains the code for sh and fish, as older ones do."""
    text = read_text(modulefile) or ""
    return "deactivate" in text and "run_in_shell(" not in text


def find_stale(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield a finding for files, pinned versions or a captured activation that are out of date."""
    record = environment.record
    if record is None or not environment.prefix.is_dir():
        return
    outdated = [
        *((old, OLD_MODULE) for old in list_old_modulefile(environment.modulefile, record)),
        *list_changed_files(record),
        *((changed, CHANGED_PINS) for changed in list_changed_pins(environment)),
        *((changed, CHANGED_SCRIPTS) for changed in list_changed_scripts(record)),
    ]
    if not outdated:
        return
    fix = environment.refresh
    # The reasons of those that are shown.
    what, why = ("; ".join(dict.fromkeys(filter(None, texts))) for texts in zip(*outdated[:4]))
    shown = what + (f"; and {len(outdated) - 4} more" if len(outdated) > 4 else "")
    yield Finding(
        "stale",
        "warning",
        shown,
        record.path,
        why,
        fix.sentence,
        (fix,),
    )


def list_old_modulefile(modulefile: Path, record: Record) -> Iterator[str]:
    """Yield a sentence if stackenv wrote the modulefile, and would write it differently now."""
    text = read_file_text(modulefile, errors="surrogateescape")
    if not is_as_written(text):
        return
    if any(f'pushenv("{variable}"' in text for variable in ("PIP_CONSTRAINT", "UV_CONSTRAINT")):
        yield (
            f"{modulefile} was written by stackenv 0.1: while it is loaded, its constraints also apply to "
            "pip and uv in other environments"
        )
    elif text.partition("\n")[2] != render_module(describe_module(record)).partition("\n")[2]:
        yield f"{modulefile} differs from what stackenv would write now"


def list_changed_files(record: Record) -> Iterator[tuple[str, str]]:
    """Yield a sentence for each changed file of stackenv in the environment, and why it matters.

    The rule `managed-files` reports needed files that are missing or empty.
    """
    files = describe_files(record)
    lost = list_lost_files(list_unused_files(files, record.path), record.path)
    if lost:
        names = shorten_list([file.path[len(record.path) + 1 :] for file in lost])
        what = f"this stackenv also writes {names}, for when the environment's own pip is uninstalled"
        yield what, lost[0].loss
    for file in files:
        path = Path(file.path)
        if not is_users(file, record.path) and has_contents(path):
            text = read_file_text(path, errors="replace")
            if text != render_installed_file(file):
                yield (
                    f"{path} differs from what stackenv would write now",
                    f"at worst, {file.loss}" if file.loss else "",
                )


def list_changed_pins(environment: CheckedEnvironment) -> Iterator[str]:
    """Yield a sentence for each package that is pinned to another version than that of the modules."""
    record, venv = environment.record, environment.venv
    if record is None or record.kind != "venv" or record.packed or venv is None:
        return
    stack = environment.loaded_stack
    if stack is None:
        return
    pinned = stack.pinned(record.allow_shadow, venv.sees_base_packages)
    now = {canonicalize_name(name): (name, version, module) for name, version, module in pinned}
    held = {canonicalize_name(name): version for name, version, _ in record.pinned}
    for name, (title, version, module) in now.items():
        if name not in held:
            yield f"{title} {version} of {module} is not pinned"
        elif held[name] != version:
            yield f"{title} is pinned to {held[name]}, but {module} has {version}"
    yield from (f"{name} {held[name]} is pinned, but no module has it" for name in held if name not in now)


def list_changed_scripts(record: Record) -> Iterator[str]:
    """Yield a sentence if the activation scripts have changed since they were captured."""
    captured = (record.activation or {}).get("scripts_sha256")
    if captured and not record.packed and captured != hash_activation(Path(record.path)):
        yield "its activation scripts have changed since its module was written (etc/conda)"


def find_modulefile_changed(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield a finding when the modulefile no longer matches the hash in its first line."""
    if is_as_written(read_file_text(environment.modulefile, errors="surrogateescape")):
        return
    fix = environment.refresh
    yield Finding(
        "modulefile-changed",
        "warning",
        "the modulefile was edited by hand",
        str(environment.modulefile),
        "it does not do what the record says; the next `stackenv edit` rewrites it and keeps the edited "
        "file as VERSION.lua.orig",
        fix.sentence,
        (fix,),
    )
