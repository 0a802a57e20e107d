"""`stackenv info`: what a personal module is."""

from __future__ import annotations

import os
import re
import shlex
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stackenv.cli.options import EXIT_STATUS, json_option, shared_option
from stackenv.environments.context import Context, open_context
from stackenv.errors import StackenvError
from stackenv.output import print_json, print_line, print_table

if TYPE_CHECKING:
    from stackenv.environments.store import StoredModule
    from stackenv.record import Package, Record

# As `stackenv.modulefile` writes them; a name of a module has no quote and no backslash.
DEPENDS_ON = re.compile(r'^depends_on\("([^"\\]+)"\)$', re.MULTILINE)
DESCRIPTION = re.compile(r'^whatis\("Description: ([^"\\]*)"\)$', re.MULTILINE)


@click.command(epilog=EXIT_STATUS)
@click.argument("name", metavar="NAME[/VERSION]")
@shared_option
@json_option
def info(name: str, shared: Path | None, as_json: bool) -> None:
    """Show what one personal module is made of.

    What it stands on, what it holds, and how it was made. Of several versions the one that
    `stackenv edit --default` has chosen is shown.

    \b
    Example:
      stackenv info biopy
    """
    context = open_context(shared)
    context.recover()
    module = context.store.find(name, default=True)
    try:
        record = module.read_record()
    except StackenvError as error:
        found = describe_modulefile(module, context, error)
        print_json(found) if as_json else print_found(found)
        raise
    found = describe_record_of(record, module, context)
    print_json(found) if as_json else print_found(found)


def describe_common(module: StoredModule, context: Context) -> dict[str, Any]:
    """Return what is known of `module` without its record; the keys are the same for each module."""
    return {
        "module": module.full_name,
        "modulefile": str(module.path),
        "environment": module.prefix,
        "default": context.store.read_default(module.name) == module.version,
        "kind": "",
        "description": "",
        "python": None,
        "modules": [],
        "packages": [],
        "pinned": [],
        "shadows": [],
        "allow_shadow": [],
        "platform": None,
        "made_by": [],
        "owned": None,
        "problem": "",
        "hint": "",
    }


def describe_modulefile(module: StoredModule, context: Context, problem: StackenvError) -> dict[str, Any]:
    """Return what the modulefile alone tells, and the problem with the record."""
    text = module.path.read_text(encoding="utf-8", errors="replace")
    description = DESCRIPTION.search(text)
    return {
        **describe_common(module, context),
        "modules": DEPENDS_ON.findall(text),
        "description": description.group(1) if description else "",
        "problem": problem.message,
        "hint": problem.hint,
    }


def describe_record_of(record: Record, module: StoredModule, context: Context) -> dict[str, Any]:
    """Return what `record` tells of `module`, and what its environment holds now."""
    from stackenv.environments.own_packages import read_own_packages

    packages = read_own_packages(record)
    python, platform = record.python, record.platform
    return {
        **describe_common(module, context),
        "kind": record.kind,
        "description": record.description,
        "python": python
        and {"version": python.version, "executable": python.executable, "module": python.module},
        "modules": list(record.modules),
        "packages": [
            {
                "name": p.name,
                "version": p.version,
                "installer": "conda" if record.kind == "conda" and not p.installer else "pip",
            }
            for p in packages
        ],
        "pinned": [{"name": n, "version": v, "module": m} for n, v, m in record.pinned],
        "shadows": list_shadows(record, packages, context, can_be_believed(module)),
        "allow_shadow": list(record.allow_shadow),
        "platform": {"machine": platform.machine, "os": platform.os, "cpu": platform.cpu},
        "made_by": list(record.made_by),
        "owned": record.owned,
    }


def list_shadows(
    record: Record, packages: tuple[Package, ...], context: Context, believed: bool
) -> list[dict[str, str]]:
    """Return the environment's own packages that the stack has too, with both versions.

    The record tells what is held; only for what may be replaced the modules are loaded and asked. A
    version of the stack that cannot be found is empty, and so it is unless the record is `believed`.
    """
    from packaging.utils import canonicalize_name

    below = {canonicalize_name(n): (v, m) for n, v, m in record.pinned}
    allowed = {canonicalize_name(name) for name in record.allow_shadow}
    if any(canonicalize_name(package.name) in allowed for package in packages):
        below.update(ask_stack(record, context, allowed) if believed else dict.fromkeys(allowed, ("", "")))
    found = []
    for package in packages:
        name = canonicalize_name(package.name)
        if name in below:
            version, module = below[name]
            row = {"version": package.version, "stack_version": version, "module": module}
            found.append({"name": package.name, **row})
    return found


def can_be_believed(module: StoredModule) -> bool:
    """Tell whether nobody else can have written the record of `module`: to load its modules runs code."""
    try:
        status = module.record_path.lstat()
    except OSError:
        return False
    others = stat.S_IWGRP | stat.S_IWOTH
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & others


def ask_stack(record: Record, context: Context, names: set[Any]) -> dict[Any, tuple[str, str]]:
    """Return version and module of the packages `names` in the modules of `record`, loaded now."""
    from packaging.utils import canonicalize_name

    from stackenv.environments.stack import load_stack
    from stackenv.lmod.bindings import Lmod

    try:
        environ = {**context.environ, "MODULEPATH": record.modulepath}
        stack = load_stack(Lmod.find(environ).purged(), record.modules)
    except StackenvError:
        return dict.fromkeys(names, ("", ""))
    return {
        canonicalize_name(p.name): (p.version, stack.module_of(p))
        for p in stack.packages
        if canonicalize_name(p.name) in names
    }


def print_found(found: dict[str, Any]) -> None:
    """Print what was found, for people."""
    python, platform = found["python"], found["platform"]
    rows = {
        "module": found["module"] + (" (default)" if found["default"] else ""),
        "description": found["description"],
        "modulefile": found["modulefile"],
        "environment": found["environment"]
        + ("" if found["owned"] in (True, None) else " (adopted: `stackenv remove` leaves it)"),
        "kind": found["kind"],
        "python": python
        and f"{python['version']} {python['executable']}"
        + (f" ({python['module']})" if python["module"] else ""),
        "modules": ", ".join(found["modules"]),
        "may shadow": ", ".join(found["allow_shadow"]),
        "made on": platform and " ".join(filter(None, platform.values())),
        "made by": shlex.join(found["made_by"]),
    }
    for title, value in rows.items():
        if value:
            print_line(f"{title:12} {value}")
    shadows = {s["name"]: s for s in found["shadows"]}
    own: dict[str, list[tuple[str, str, str]]] = {"conda": [], "pip": []}
    for package in found["packages"]:
        shadow = shadows.get(package["name"])
        note = f"in front of {shadow['stack_version'] or '?'} {shadow['module']}".rstrip() if shadow else ""
        own[package["installer"]].append((package["name"], package["version"], note))
    pip = "packages from pip" if found["kind"] == "conda" else "packages of its own"
    for title, packages in (
        (f"packages from conda ({len(own['conda'])})", own["conda"]),
        (f"{pip} ({len(own['pip'])})", own["pip"]),
        ("held as the stack has them", [(p["name"], p["version"], p["module"]) for p in found["pinned"]]),
    ):
        if packages:
            print_line(f"\n{title}:")
            print_table(("PACKAGE", "VERSION", ""), packages)
