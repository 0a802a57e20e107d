"""Exported files for pip, conda and uv: requirements, an environment.yml, constraints of a project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from stackenv.conda.packages import read_packages
from stackenv.environments.context import Context
from stackenv.environments.module import IN_EVERY_VENV
from stackenv.environments.own_packages import list_channels, list_requirements
from stackenv.record import Record


def render_yaml(data: Any) -> str:
    """Return `data` as YAML, in the order in which it is given."""
    import yaml

    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=110)


def render_comments(record: Record) -> str:
    """Return comments with what requirements do not contain: the Python, and the modules to load."""
    lines = [f"{record.full_name}: {record.description}" if record.description else record.full_name]
    if record.python:
        lines.append(f"Python {record.python.version}")
    lines += [f"module load {module}" for module in record.modules]
    return "".join(f"# {' '.join(line.split())}\n" for line in lines)


def list_pip_packages(record: Record) -> list[str]:
    """Return requirements for pip: all packages of a venv; in a conda environment, those from pip."""
    found = list_requirements(Path(record.path))
    return [requirement for name, requirement in found if name not in IN_EVERY_VENV]


def render_requirements(record: Record) -> str:
    """Return the requirements file for `stackenv create -r` and pip."""
    return render_comments(record) + "".join(f"{line}\n" for line in list_pip_packages(record))


def render_environment(record: Record, context: Context) -> str:
    """Return an environment.yml for `conda env create`."""
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


def render_uv(record: Record) -> str:
    """Return the lines of a pyproject.toml with which uv pins the packages of the modules in a project.

    uv reads a project's constraints only there (uv documentation, "constraint-dependencies"). Strings of JSON
    are valid in TOML. The constraints apply to the Python of the modules only, because uv locks a project for
    each Python that it allows. The lines can be appended to a file without a newline at its end.
    """
    marker = f" ; python_version == '{record.python.minor}'" if record.python else ""
    lines = [
        f"    {json.dumps(f'{name}=={version}{marker}', ensure_ascii=False)},  # {' '.join(module.split())}\n"
        for name, version, module in record.pinned
    ]
    comment = (
        f"# The packages of the modules of {record.full_name}: stackenv export {record.name} --format uv\n"
    )
    return f"\n[tool.uv]\n{comment}constraint-dependencies = [\n{''.join(lines)}]\n"
