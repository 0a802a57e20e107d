"""`stackenv site`: the commands for the site's admins."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackenv.cli.completers import complete_modules
from stackenv.cli.json_option import json_option, set_result, show_steps
from stackenv.cli.options import CommandGroup, dry_run_option, quiet_option
from stackenv.errors import StackenvError, UsageError, quote_word
from stackenv.output import (
    format_count,
    print_aside,
    print_line,
    print_message,
    print_table,
    print_text,
    print_warning,
)
from stackenv.plain_files import read_file_text

if TYPE_CHECKING:
    from stackenv.cli.site_results import SiteReport
    from stackenv.site.dependents import DependentModule
    from stackenv.site.report import Report


configuration_option = click.option(
    "--config",
    "configuration",
    type=click.Path(path_type=Path),
    help="Use this site configuration (default: the active one).",
)
modulefile_option = click.option(
    "--modulefile",
    required=True,
    type=click.Path(path_type=Path),
    help="Path of the modulefile: .../NAME/VERSION.lua, below a folder on MODULEPATH.",
)


@click.group(cls=CommandGroup)
def site() -> None:
    """Set up and maintain stackenv for a site.

    \b
    Example:
      stackenv site check /etc/stackenv/site.yaml
    """


@site.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@json_option
def check(file: Path | None, as_json: bool) -> None:
    """Check a site configuration (default: the active one).

    Each error is reported with its line, its key and what is allowed. Keys in conda.condarc that no version
    of conda knows are reported as warnings. Whether the installed conda accepts their values is checked when
    its module is built.

    \b
    Example:
      stackenv site check /etc/stackenv/site.yaml
    """
    from stackenv.configuration.loader import load_configuration
    from stackenv.configuration.site_file import find_configuration_file

    configuration = load_configuration(find_configuration_file(os.environ, file))
    for warning in configuration.warnings:
        print_warning(warning)
    if as_json:
        from stackenv.cli.site_results import CheckedConfiguration

        set_result(CheckedConfiguration(str(configuration.path), tuple(map(str, configuration.warnings))))
    else:
        print_line(f"{configuration.path}: OK")


@site.command()
@click.option("--init", is_flag=True, help="Write a new file, with every key explained and commented out.")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@quiet_option
def config(init: bool, file: Path | None) -> None:
    """Print the site configuration, or start one.

    With --init, a new file is written (default: /etc/stackenv/site.yaml), in which every key is commented out
    and thus keeps its default value. An existing file is not replaced.

    \b
    Example:
      stackenv site config
      stackenv site config --init /etc/stackenv/site.yaml
    """
    from stackenv.configuration.site_file import SYSTEM_FILE, find_configuration_file
    from stackenv.site.first_configuration import write_first_configuration

    if init:
        path = (file or SYSTEM_FILE).absolute()
        write_first_configuration(path)
        print_message(
            f"Wrote {path}; change what differs at your site, then check it: stackenv site check "
            f"{shlex.quote(str(path))}"
        )
        return
    path = find_configuration_file(os.environ, file)
    try:
        text = read_file_text(path, errors="surrogateescape")
    except OSError as error:
        raise StackenvError(
            f"{path} cannot be read: {error.strerror}", f"ls -l {quote_word(path)}"
        ) from error
    print_message(f"{path}:")
    print_text(text)


@site.command()
@click.option(
    "--name", metavar="NAME", required=True, help="Name of the software in EasyBuild, such as Anaconda3."
)
@click.option("--version", metavar="VERSION", required=True, help="Module version, such as 2024.02-1.")
@click.option("--root", metavar="FOLDER", required=True, help="Prefix of the installation.")
@configuration_option
@quiet_option
def render(name: str, version: str, root: str, configuration: Path | None) -> None:
    """Print what the hooks add to a modulefile.

    The modulefile is that of a conda installation or of stackenv itself. The files in the installation that
    it needs are written only by the EasyBuild hooks and by `stackenv site install`.

    \b
    Example:
      stackenv site render --name Anaconda3 --version 2024.02-1 \\
          --root /software/Anaconda3/2024.02-1
    """
    from stackenv.site.render import find_rendered

    software = find_rendered(name, version, root, configuration)
    print_text(software.render())
    print_warning(
        f"this text does not work on its own: it needs files in {software.root} that only the EasyBuild "
        "hooks and `stackenv site install` write",
        'eb --hooks="$(stackenv site hooks)" --module-only --force EASYCONFIG; without EasyBuild: '
        "stackenv site install --help",
    )


@site.command()
def hooks() -> None:
    """Print the path of the EasyBuild hooks.

    EasyBuild accepts only one file of hooks. If your site has its own, keep it, and end it with these lines
    to run stackenv's hooks too:

    \b
      from stackenv.hooks.stackenv_hooks import combine_with
      combine_with(globals())

    \b
    Example:
      eb --hooks=$(stackenv site hooks) Anaconda3-2024.02-1.eb
    """
    from stackenv.site.render import HOOKS

    print_line(str(HOOKS.resolve()))
    if sys.stdout.isatty():
        print_aside("to combine them with your own hooks: stackenv site hooks --help", "hint")


@site.command()
@click.option(
    "--name", metavar="NAME", required=True, help="Anaconda3, Miniconda3, Miniforge3, Mambaforge or stackenv."
)
@click.option("--version", metavar="VERSION", required=True, help="Module version, such as 24.7.1-2.")
@click.option("--root", metavar="FOLDER", required=True, help="Prefix of the installation.")
@modulefile_option
@configuration_option
@quiet_option
@dry_run_option
@json_option
def install(
    name: str,
    version: str,
    root: str,
    modulefile: Path,
    configuration: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Install the module of conda or stackenv.

    Use it for a conda that was installed by hand, by Spack or by Ansible, or for a stackenv that pip
    installed into a virtual environment. It does what the EasyBuild hooks do: it writes stackenv's files into
    the installation, loads the new modulefile in each shell, and only then writes it. Unlike the hooks, it
    does not empty the package cache.

    If anything fails, everything is restored. All users can read what it writes, whatever your umask. Run it
    again after an update of conda, stackenv or the site configuration. An installation can have several
    modulefiles.

    \b
    Example:
      stackenv site install --name Miniforge3 --version 24.7.1-2 --root /software/miniforge3 \\
          --modulefile /modulefiles/Miniforge3/24.7.1-2.lua
      stackenv site install --name stackenv --version 0.2.0 --root /software/stackenv/0.2.0 \\
          --modulefile /modulefiles/stackenv/0.2.0.lua
    """
    from stackenv.site.install import install as carry_out
    from stackenv.site.install import plan_module

    module = plan_module(name, version, root, modulefile, configuration)
    if dry_run:
        show_steps(module.steps, as_json)
        return
    warnings: list[str] = []

    def warn(sentence: str, hint: str) -> None:
        print_warning(sentence, hint)
        warnings.append(f"{sentence}: {hint}" if hint else sentence)

    tested = carry_out(module, warn)
    print_message(str(tested))
    folder = shlex.quote(str(modulefile.absolute().parents[1]))
    print_message(f"{module.software.module} is ready: module use {folder}; module load {name}")
    if as_json:
        from stackenv.cli.site_results import InstalledModule

        names = (module.software.module, str(module.modulefile), module.root)
        set_result(InstalledModule(*names, tested.passed, tested.missing, tuple(warnings)))


@site.command()
@click.option("--root", metavar="FOLDER", required=True, help="Prefix of the installation.")
@modulefile_option
@configuration_option
@quiet_option
@dry_run_option
@json_option
def uninstall(root: str, modulefile: Path, configuration: Path | None, dry_run: bool, as_json: bool) -> None:
    """Remove what `stackenv site install` wrote.

    The installation itself is kept. If other modulefiles still point to it, only this modulefile is removed.
    Sessions and jobs that have the module loaded can then neither use it nor unload it, so hide it first and
    wait until they have ended.

    If EasyBuild built the installation, first have EasyBuild rewrite the modulefile without the hooks. That
    modulefile is kept; the files that the hooks wrote into the installation are removed.

    \b
    Example:
      stackenv site uninstall --root /software/miniforge3 \\
          --modulefile /modulefiles/Miniforge3/24.7.1-2.lua
    """
    from stackenv.site.install import plan_uninstallation

    removal = plan_uninstallation(root, modulefile, configuration)
    if dry_run:
        show_steps(removal.steps, as_json)
        return
    steps = removal.steps
    removal.carry_out()
    for step in steps:
        print_message(step)
    if as_json:
        from stackenv.cli.site_results import UninstalledModule

        modulefile = removal.modulefile
        names = (f"{modulefile.parent.name}/{modulefile.stem}", str(modulefile), str(removal.root))
        set_result(UninstalledModule(*names, tuple(map(str, removal.places)), removal.others))


@site.command()
@click.argument("modules", nargs=-1, required=True, metavar="MODULE...", shell_complete=complete_modules)
@click.option(
    "--root",
    "roots",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="FOLDER",
    help="Also look in this folder: a modules folder, a project, or a folder of projects or homes.",
)
@click.option("--owners", is_flag=True, help="Print only the user names, each once.")
@json_option
def report(modules: tuple[str, ...], roots: tuple[Path, ...], owners: bool, as_json: bool) -> None:
    """List whose personal modules depend on a module.

    Run it before you remove the module. MODULE is NAME, NAME/VERSION, or a pattern such as '*-2022b'. The
    report looks into the modules folder of every user that getpwent(3) lists, as set in the site
    configuration, and into the modules folders below --root. Of each personal module it reads only the first
    two lines and the record of its environment.

    Files that cannot be read are counted; root can read most. CHANGED is the day on which the record was last
    written. When a module was last used is not recorded.

    \b
    Example:
      stackenv site report SciPy-bundle/2022.05-foss-2022a
      stackenv site report '*-2022b' --root /projects --owners
    """
    from stackenv.site.report import report_dependents

    if owners and as_json:
        raise UsageError("--owners cannot be combined with --json", "choose one of them")
    found = report_dependents(modules, roots)
    if as_json:
        set_result(describe_report(found))
        return
    if owners:
        print_owners(found.owners)
    elif found.found:
        print_table(("OWNER", "MODULE", "DEPENDS ON", "CHANGED", "ENVIRONMENT"), map_rows(found.found))
    print_counts(found)


def describe_change(module: DependentModule) -> str:
    """Return the day on which the record of `module` was last written."""
    return time.strftime("%Y-%m-%d", time.localtime(module.written_s))


def describe_report(report: Report) -> SiteReport:
    """Return what was found as `--json` prints it."""
    from stackenv.cli import site_results as results
    from stackenv.cli.results import format_time

    found = [
        results.FoundDependent(
            owner=module.owner,
            module=module.module,
            modulefile=module.modulefile,
            environment=module.environment,
            depends_on=module.depends_on,
            indirect=module.indirect,
            record_written=format_time(module.written_s),
        )
        for module in report.found
    ]
    return results.SiteReport(
        patterns=report.patterns,
        found=tuple(found),
        counts=results.ReportCounts(
            folders=report.folders,
            modules=report.looked_at,
            found=len(found),
            owners=len(report.owners),
            unread=len(report.unread),
        ),
        unread=tuple(results.UnreadPath(path, why) for path, why in report.unread.items()),
        unknown_variables=report.unknown,
    )


def map_rows(found: Iterable[DependentModule]) -> list[tuple[str, ...]]:
    """Return the rows of the table; modules in brackets were loaded by those that were asked for."""
    return [
        (
            module.owner,
            module.module,
            ", ".join((*module.depends_on, *(f"({name})" for name in module.indirect))),
            describe_change(module),
            module.environment,
        )
        for module in found
    ]


def print_owners(owners: Iterable[str]) -> None:
    """Print the owners, one per line, and list those that no longer have a name."""
    numbers = []
    for owner in owners:
        if owner.isdigit():
            numbers.append(owner)
        else:
            print_line(owner)
    if numbers:
        print_message(f"these user IDs no longer have a name: {', '.join(numbers)}")


def print_counts(report: Report) -> None:
    """Print how much was searched, and what could not be read."""
    modules = format_count(report.looked_at, "personal module")
    print_message(
        f"{len(report.found)} of {modules} depend on {', '.join(report.patterns)} "
        f"({format_count(len(report.owners), 'user')}); searched {format_count(report.folders, 'folder')}"
    )
    if report.unknown:
        unknown = ", ".join(report.unknown)
        print_warning(
            f"the value of {unknown} for other users is not known: only the folders of --root were searched"
        )
    if report.unread:
        path, why = next(iter(report.unread.items()))
        number = format_count(len(report.unread), "folder or file", "folders and files")
        print_warning(
            f"{number} could not be read, such as {path}: {why}",
            "--json lists all of them; if a folder is behind a user's link, give its real path with --root; "
            "if root may not read it (root_squash), run the report as its owner or on the file server",
        )
