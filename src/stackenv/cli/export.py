"""`stackenv export`: what an environment is made of, to make it again here or elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import click

from stackenv.cli.options import EXIT_STATUS, shared_option
from stackenv.environments.context import Context, open_context
from stackenv.environments.packed import ENVIRONMENT, REQUIREMENTS
from stackenv.output import print_line
from stackenv.record import hide_credentials

if TYPE_CHECKING:
    from stackenv.record import Record

# Of an environment that cannot be looked into, written down when it was packed.
PACKED_FORMATS = {"requirements": REQUIREMENTS, "environment": ENVIRONMENT}


@click.command(epilog=EXIT_STATUS)
@click.argument("name", metavar="NAME[/VERSION]")
@click.option(
    "--format",
    "form",
    type=click.Choice(["record", "requirements", "environment"]),
    default="record",
    show_default=True,
    help="All that is known (YAML), pip's requirements, or conda's environment.yml.",
)
@shared_option
def export(name: str, form: str, shared: Path | None) -> None:
    """Write down what an environment is made of.

    \b
    Example:
      stackenv export biopy
      stackenv export biopy --format requirements > requirements.txt
      stackenv export biopy --format environment > environment.yml
    """
    context = open_context(shared)
    context.recover()
    record = context.store.find(name, default=True).read_record()
    if record.packed and form in PACKED_FORMATS:
        print_line(Path(record.path, PACKED_FORMATS[form]).read_text(encoding="utf-8").rstrip("\n"))
        return
    print_line(FORMATS[form](record, context).rstrip("\n"))


def render_yaml(data: Any) -> str:
    """Return `data` as YAML, in the order in which it is given."""
    import yaml

    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=110)


def render_comments(record: Record) -> str:
    """Return what requirements do not hold, as comments: the Python and the modules, as they are typed."""
    lines = [f"{record.full_name}: {record.description}" if record.description else record.full_name]
    if record.python:
        lines.append(f"Python {record.python.version}")
    lines += [f"module load {module}" for module in record.modules]
    return "".join(f"# {' '.join(line.split())}\n" for line in lines)


def render_record(record: Record, _: Context) -> str:
    """Return the record, with the packages that there are now, and with what else is needed to make it again.

    That is `requirements`, what pip takes for packages that no index has and for those in a conda
    environment, and `channels`, those of conda's packages.
    """
    from stackenv.environments.own_packages import read_own_packages
    from stackenv.lifecycle.requirements import read_contents
    from stackenv.record import write_record_text

    current = replace(record, packages=read_own_packages(record))
    data = json.loads(write_record_text(current))
    contents = read_contents(record)
    lines = [wanted.line for wanted in contents.pip if not wanted.why]
    special = [line for line in lines if record.kind == "conda" or " @ " in line]
    for name, found in (("requirements", special), ("channels", list(contents.channels))):
        if found:
            data[name] = list(map(hide_credentials, found))
    return render_yaml(data)


def list_pip_packages(record: Record) -> list[str]:
    """Return what pip is to install: all that a venv has; of a conda environment what pip put there."""
    from stackenv.environments.own_packages import list_requirements
    from stackenv.environments.personal_module import IN_EVERY_VENV

    found = list_requirements(Path(record.path))
    return [requirement for name, requirement in found if name not in IN_EVERY_VENV]


def render_requirements(record: Record, _: Context) -> str:
    """Return the requirements that `stackenv create -r` and pip take."""
    return render_comments(record) + "".join(f"{line}\n" for line in list_pip_packages(record))


def render_environment(record: Record, context: Context) -> str:
    """Return an environment.yml that `conda env create` takes."""
    from stackenv.conda.environments import read_packages
    from stackenv.environments.own_packages import list_channels

    prefix, pip = Path(record.path), list_pip_packages(record)
    channels = list_channels(prefix) if record.kind == "conda" else []
    dependencies: list[Any] = [f"{p.name}={p.version}" for p in read_packages(prefix)]
    if record.kind == "venv" and record.python:
        dependencies = [f"python={record.python.version}", "pip"]
    data = {
        "name": record.name,
        "channels": channels or list(context.configuration.conda.channels.default) or ["conda-forge"],
        "dependencies": [*dependencies, *([{"pip": pip}] if pip else [])],
    }
    return render_comments(record) + render_yaml(data)


FORMATS: dict[str, Callable[[Record, Context], str]] = {
    "record": render_record,
    "requirements": render_requirements,
    "environment": render_environment,
}
