"""What stackenv wrote for an environment is not what it would write now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from packaging.utils import canonicalize_name

from stackenv.conda.activation.scripts import hash_activation
from stackenv.environments.managed_files import has_contents, is_users
from stackenv.environments.module import describe_files, describe_module
from stackenv.health.checked_environment import CheckedEnvironment
from stackenv.health.finding import Finding
from stackenv.modulefile.text import is_as_written, render_installed_file, render_module
from stackenv.record import Record


def find(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield one finding with what is out of date: files, constraints, what a conda activation does."""
    record = environment.record
    if record is None or not environment.prefix.is_dir():
        return
    told = [
        *list_old_modulefile(environment.modulefile, record),
        *list_changed_files(record),
        *list_changed_pins(environment),
        *list_changed_scripts(record),
    ]
    if not told:
        return
    fix = environment.refresh
    shown = "; ".join(told[:4]) + (f"; and {len(told) - 4} more" if len(told) > 4 else "")
    yield Finding(
        "stale",
        "warning",
        shown,
        record.path,
        "pip may replace what the modules bring, or hold what they do not have any more; a module may set "
        "other variables than `conda activate` does",
        fix.sentence,
        (fix,),
    )


def list_old_modulefile(modulefile: Path, record: Record) -> Iterator[str]:
    """Yield a sentence when stackenv has written the modulefile, and would write another now."""
    text = modulefile.read_text(encoding="utf-8", errors="surrogateescape")
    if not is_as_written(text):
        return
    if any(f'pushenv("{variable}"' in text for variable in ("PIP_CONSTRAINT", "UV_CONSTRAINT")):
        yield (
            f"{modulefile} was written by stackenv 0.1: while it is loaded, the constraints also hold for "
            "pip and uv of other environments"
        )
    elif text.partition("\n")[2] != render_module(describe_module(record)).partition("\n")[2]:
        yield f"{modulefile} is not as stackenv writes it"


def list_changed_files(record: Record) -> Iterator[str]:
    """Yield a sentence for each of stackenv's files in the environment that is changed.

    Of those that are gone or empty another rule tells.
    """
    for file in describe_files(record):
        path = Path(file.path)
        if not is_users(file, record.path) and has_contents(path):
            text = path.read_text(encoding="utf-8", errors="replace")
            if text != render_installed_file(file):
                yield f"{path} is not as stackenv writes it"


def list_changed_pins(environment: CheckedEnvironment) -> Iterator[str]:
    """Yield a sentence for each package that the modules have in another version than is held."""
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
            yield f"{title} {version} of {module} is not held"
        elif held[name] != version:
            yield f"{title} is held at {held[name]}, and {module} has {version}"
    yield from (f"{name} {held[name]} is held, and no module has it" for name in held if name not in now)


def list_changed_scripts(record: Record) -> Iterator[str]:
    """Yield a sentence when the activation scripts are not those that were captured."""
    captured = (record.activation or {}).get("scripts_sha256")
    if captured and not record.packed and captured != hash_activation(Path(record.path)):
        yield "what its activation does has changed since its module was written (etc/conda)"
