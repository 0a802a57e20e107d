"""`stackenv create`: a new environment based on the loaded modules, and its module."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Callable

import click

from stackenv.cli.completers import complete_folders
from stackenv.cli.json_option import json_option, set_result, show_steps
from stackenv.cli.options import (
    allow_shadow_option,
    description_option,
    dry_run_option,
    module_option,
    no_build_isolation_option,
    no_carry_option,
    no_stubs_option,
    quiet_option,
    shared_option,
    user_site_option,
    verbose_option,
)
from stackenv.output import print_line, print_message

if TYPE_CHECKING:
    from stackenv.cli.results import AdoptedEnvironment, CreatedEnvironment, PackageReport
    from stackenv.lifecycle.making import Made
    from stackenv.lifecycle.requirements import InstallReport


@click.command()
@click.argument("name")
@click.argument("packages", nargs=-1, metavar="[PACKAGE]...")
@click.option(
    "-r",
    "--requirements",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Install the packages of this pip requirements file.",
)
@module_option("the loaded modules")
@click.option(
    "--python",
    "python_version",
    default="",
    metavar="VERSION",
    help="Require this Python version, such as 3.12.",
)
@click.option(
    "--path",
    type=click.Path(path_type=Path),
    shell_complete=complete_folders,
    help="Create the environment in this folder.",
)
@click.option("--version", default="1.0", show_default=True, help="Set the module version.")
@click.option("--conda", is_flag=True, help="Create a conda environment instead of a venv.")
@click.option(
    "-c",
    "--channel",
    "channels",
    multiple=True,
    metavar="CHANNEL",
    help="Use this conda channel (with --conda).",
)
@allow_shadow_option
@click.option(
    "--system-site-packages/--no-system-site-packages",
    default=True,
    show_default=True,
    help="Also import the packages that are installed with the module's Python.",
)
@user_site_option
@no_build_isolation_option
@click.option("--with-pip", is_flag=True, help="Install a copy of pip into the environment (1,500 files).")
@click.option("--uv", is_flag=True, help="Install with uv if it is available, which is faster.")
@no_carry_option
@no_stubs_option
@click.option("--os-python", is_flag=True, help="Use the operating system's Python.")
@click.option(
    "--from",
    "from_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Recreate the environment that `stackenv export` wrote to FILE, here or on another cluster.",
)
@description_option("")
@shared_option
@verbose_option
@quiet_option
@dry_run_option
@json_option
def create(name: str, packages: tuple[str, ...], dry_run: bool, as_json: bool, **options: object) -> None:
    """Create an environment and its module.

    The environment is based on the loaded modules, or on those given with --module. Packages of these modules
    are used as they are: pip and uv do not replace them unless you allow it with --allow-shadow. If you start
    the environment's Python by its path, for example in an editor or in cron, it finds these modules even
    though they are not loaded; --no-carry turns this off. The environment is private to you unless you create
    it in a project (--shared).

    \b
    Example:
      module load SciPy-bundle
      stackenv create biopy biopython
      stackenv create biopy --from biopy.yaml
      module load biopy
    """
    from stackenv.lifecycle.create import CreateRequest, create_new

    request = CreateRequest(name=name, packages=packages, **options)  # type: ignore[arg-type]
    if request.from_file:
        # A sixth of this command's imports, for a check that only --from needs.
        from stackenv.lifecycle.create_from import create_from

        print_made(create_from(request, dry_run), as_json, describe_created)
    else:
        print_made(create_new(request, dry_run), as_json, describe_created)


def print_made(made: Made, as_json: bool, describe: Callable[[Made], AdoptedEnvironment]) -> None:
    """Print what was created and the command to use it, or the steps of a dry run."""
    if made.module is None:
        show_steps(made.steps, as_json)
        return
    for sentence in made.report.sentences() if made.report else ():
        print_message(sentence)
    if as_json:
        set_result(describe(made))
    else:
        print_message(f"{made.summary}; to load it {made.shells}:")
        print_line(made.use)


def describe_adopted(made: Made) -> AdoptedEnvironment:
    """Return what was made as `--json` prints it."""
    from stackenv.cli.results import AdoptedEnvironment, PackageVersion

    assert made.module is not None and made.record is not None
    return AdoptedEnvironment(
        module=made.module.full_name,
        modulefile=str(made.module.path),
        environment=made.module.prefix,
        modules=made.record.modules,
        packages=tuple(PackageVersion(package.name, package.version) for package in made.record.packages),
        load_command=made.use,
    )


def describe_created(made: Made) -> CreatedEnvironment:
    """Return the same, and the report of `create --from`."""
    from stackenv.cli.results import CreatedEnvironment

    report = describe_packages(made.report) if made.report else None
    return CreatedEnvironment(**vars(describe_adopted(made)), package_report=report)


def describe_packages(report: InstallReport) -> PackageReport:
    """Return what became of the packages as `--json` prints it."""
    from stackenv.cli import results

    return results.PackageReport(
        kept=tuple(results.PackageVersion(*package) for package in report.kept),
        changed=tuple(results.ChangedPackage(*package) for package in report.changed),
        provided_by_modules=tuple(results.ProvidedPackage(*package) for package in report.left_to_stack),
        missing=tuple(results.MissingPackage(*package) for package in report.missing),
        not_copied=tuple(report.left_behind),
    )
