"""`stackenv info`: the details of a personal module."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackenv.cli.json_option import json_option, set_result
from stackenv.cli.options import loaded_name_argument, quiet_option, shared_option
from stackenv.errors import StackenvError
from stackenv.output import format_count, print_entry, print_line, print_table

if TYPE_CHECKING:
    from stackenv.environments.info import ModuleInfo


@click.command()
@loaded_name_argument
@shared_option
@quiet_option
@json_option
def info(name: str, shared: Path | None, as_json: bool) -> None:
    """Show the details of a personal module.

    These include its base modules, its packages, how it was created, whether its Python finds the base
    modules when they are not loaded (`carries`), and how many of their packages uv treats as installed (`uv
    sees`). If the module has several versions, the default chosen with `stackenv edit --default` is shown.

    \b
    Example:
      stackenv info biopy
    """
    from stackenv.environments.context import open_context, recover
    from stackenv.environments.info import describe_environment, describe_modulefile

    context = open_context(shared)
    recover(context)
    module = context.store.find(name, default=True)
    try:
        record = module.read_record()
    except StackenvError as error:
        show(describe_modulefile(module, context, error), as_json)
        raise
    show(describe_environment(record, module, context), as_json)


def show(found: ModuleInfo, as_json: bool) -> None:
    """Print what was found, as JSON or for people."""
    if as_json:
        set_result(found)
        return
    for title, value in describe_rows(found).items():
        if value:
            print_entry(title, value, "title", margin=13)
    pip = "packages from pip" if found.kind == "conda" else "packages of its own"
    by_conda, by_pip = (list_packages(found, installer) for installer in ("conda", "pip"))
    for title, packages in (
        (f"packages from conda ({len(by_conda)})", by_conda),
        (f"{pip} ({len(by_pip)})", by_pip),
        ("pinned to the versions of the modules", [(p.name, p.version, p.module) for p in found.pinned]),
    ):
        if packages:
            print_line("")
            print_line(f"{title}:")
            print_table(("PACKAGE", "VERSION", ""), packages)


# Why no modules are carried, by the reason in the record.
NOT_CARRIED = {
    "conda": "",
    "user": "no: turned off; to turn it on: stackenv edit {name} --carry",
    "site": "no: turned off by the site configuration (personal.carry)",
    "no-pth": "no: adopted with --no-pth",
    "no-modules": "no: it has no base modules",
    "no-record": "no: its record does not have what the modules set; to add it: stackenv edit {name} "
    "--refresh",
    "python-needs-modules": "no",
}
NEEDS_MODULES = "; its Python starts only while its modules are loaded"


def describe_carried(found: ModuleInfo) -> str:
    """Return whether the environment's Python uses its modules when they are not loaded."""
    carried = found.carried
    if carried is None or not carried.carries:
        bare = NEEDS_MODULES if carried and carried.needs_modules else ""
        return NOT_CARRIED[carried.reason].format(name=found.module) + bare if carried else ""
    where = "on any CPU" if carried.any_cpu else f"on {carried.cpu} and newer CPUs"
    script = "; a script in its bin folder starts it with their libraries" if carried.by_script else ""
    twice = "; starts a second time to load their libraries" if carried.restarts else ""
    return f"its modules, {where}{script or twice}"


# Why uv sees no packages of the modules, by the reason.
NOT_SHOWN = {
    "conda": "",
    "no-pth": "adopted with --no-pth",
    "no-modules": "it has no base modules",
    "nothing-held": "none of them is pinned",
    "user": "turned off; to turn it on: stackenv edit {name} --stubs",
    "site": "turned off by the site configuration (personal.stubs)",
    "left-out": "left out by the site configuration (personal.stubs_leave_out)",
    "no-record": "made by an older stackenv, or uv can use none of them; to try: stackenv edit {name} "
    "--refresh",
}


def describe_shown(found: ModuleInfo) -> str:
    """Return how many packages of the modules uv sees in the environment, or why it sees none."""
    shown = found.stubs
    if shown is None or shown.reason:
        why = NOT_SHOWN[shown.reason].format(name=found.module) if shown else ""
        return why and f"no package of its modules: {why}"
    number, count = len(shown.packages), format_count(shown.expected_count, "package")
    return (
        f"{count} of its modules" if number == shown.expected_count else f"{number} of {count} of its modules"
    )


def describe_rows(found: ModuleInfo) -> dict[str, str]:
    """Return all rows about the module, except its packages."""
    python, platform = found.python, found.platform
    own = "" if found.owned in (True, None) else " (adopted: `stackenv remove` keeps it)"
    of_module = f" ({python.module})" if python and python.module else ""
    return {
        "module": found.module + (" (default)" if found.default else ""),
        "description": found.description,
        "modulefile": found.modulefile,
        "environment": found.environment + own,
        "kind": found.kind,
        "python": f"{python.version} {python.executable}{of_module}" if python else "",
        "modules": ", ".join(found.modules),
        "carries": describe_carried(found),
        "uv sees": describe_shown(found),
        "muted": "; ".join(f"{muted.rule} ({muted.reason})" for muted in found.muted),
        "may shadow": ", ".join(found.allow_shadow),
        "made on": " ".join(filter(None, (platform.machine, platform.os, platform.cpu))) if platform else "",
        "made by": shlex.join(found.made_by),
    }


def list_packages(found: ModuleInfo, installer: str) -> list[tuple[str, str, str]]:
    """Return name and version of each package from `installer`, and the package of the modules that it
    shadows.
    """
    shadows = {shadow.name: shadow for shadow in found.shadows}
    rows = []
    for package in found.packages:
        if package.installer == installer:
            shadow = shadows.get(package.name)
            note = f"instead of {shadow.module_version or '?'} {shadow.module}".rstrip() if shadow else ""
            rows.append((package.name, package.version, note))
    return rows
