"""`stackenv create --from`: create an environment from a file that `stackenv export` wrote."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from stackenv.environments.context import Context
from stackenv.environments.module import require_kind
from stackenv.environments.places import choose_path
from stackenv.errors import ModuleError, StackenvError, UsageError, explain
from stackenv.lifecycle.create import CreateRequest, opened
from stackenv.lifecycle.making import Made, Making
from stackenv.lifecycle.regressions import list_new_faults
from stackenv.lifecycle.remaking import Remaking, advise, draft_remade, load_modules, sees_base
from stackenv.lifecycle.requirements import (
    ARCHIVE,
    CHANNEL,
    CONDA_SPEC,
    NO_REQUIREMENT,
    Contents,
    leave_out_usual,
    list_recorded,
    list_recorded_of_conda,
    list_recorded_pip,
    read_requirement,
)
from stackenv.output import print_aside, print_message
from stackenv.record import Record, parse_record
from stackenv.transactions.transaction import Step

LARGEST_FILE_BYTES = 10_000_000
# A path that never exists: the exported environment is on another machine.
NOWHERE = "/dev/null/exported"


@dataclass(frozen=True)
class Exported:
    """What a file of `stackenv export` says; only what was checked is trusted."""

    record: Record
    contents: Contents


def read_exported(file: Path) -> Exported:
    """Return what `stackenv export` wrote to `file`.

    Raises
    ------
    UsageError
        If `stackenv export` did not write it; the hint says which commands take other files.
    """
    import yaml

    try:
        if file.stat().st_size > LARGEST_FILE_BYTES:
            raise ValueError(f"it is larger than {LARGEST_FILE_BYTES // 1_000_000} MB")
        text = file.read_text(encoding="utf-8")
        # Nested aliases could fill the memory; export writes none.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise ValueError("it contains YAML aliases")
        data = yaml.safe_load(text)
        record = parse_record(json.dumps(data), str(file))
        require_kind(record)
        require_texts(record)
        return Exported(record, read_contents(record, data))
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror}", f"ls -l {shlex.quote(str(file))}"
        ) from error
    except (ValueError, TypeError, RecursionError, yaml.YAMLError, StackenvError) as error:
        raise UsageError(
            f"{file} was not written by `stackenv export NAME`: {explain(error)}",
            "for a pip requirements file: stackenv create NAME -r FILE; for conda's "
            "environment.yml: conda env create --file FILE",
        ) from error


def require_texts(record: Record) -> None:
    """Raise ValueError if a value that goes into a modulefile or to a terminal is not one line of text."""
    names = (*record.modules, *record.allow_shadow)
    for text in (record.description, *names, *(t for p in record.packages for t in (p.name, p.version))):
        if not isinstance(text, str) or not text.isprintable():
            raise ValueError(f"{json.dumps(text, default=str)} is not a single line of text")
    if not isinstance(record.user_site, bool):
        raise ValueError(
            f"`user_site` must be true or false, not {json.dumps(record.user_site, default=str)}"
        )


def read_contents(record: Record, data: Mapping[str, Any]) -> Contents:
    """Return the packages of the environment, each from an index or a channel and from nowhere else.

    Raises
    ------
    ValueError
        If something is not a package.
    """
    lines, channels = (
        [str(item) for item in data.get(name) or () if str(item).isprintable()]
        for name in ("requirements", "channels")
    )
    special = [read_requirement(line, trusted=False) for line in lines]
    if record.kind == "conda":
        conda = list_recorded_of_conda(record)
        for wanted in conda:
            (spec,) = wanted.arguments
            if not CONDA_SPEC.fullmatch(spec) or any(map(ARCHIVE.fullmatch, (wanted.name, spec))):
                raise ValueError(f"{wanted.name!r} {wanted.version!r} is not a conda package")
        return Contents(leave_out_usual(special), conda, tuple(channels))
    named = {canonicalize_name(wanted.name) for wanted in special}
    listed = [w for w in list_recorded(record) if canonicalize_name(w.name) not in named]
    for wanted in listed:
        if not wanted.arguments and NO_REQUIREMENT in wanted.why:
            raise ValueError(wanted.why)
    return Contents((*leave_out_usual((*listed, *special)), *list_recorded_pip(record)))


def choose_channels(contents: Contents, request: CreateRequest, context: Context) -> Contents:
    """Return `contents` with the channels of `request`, and those of the file that are plain names."""
    usual = context.configuration.conda.channels.default
    untaken = [
        c for c in contents.channels if not CHANNEL.fullmatch(c) and c not in (*usual, *request.channels)
    ]
    if untaken:
        print_message(
            f"skipped channels that are not plain names: {', '.join(untaken)}; if you trust them, add: "
            "--channel URL"
        )
    named = (c for c in contents.channels if CHANNEL.fullmatch(c))
    return replace(contents, channels=tuple(dict.fromkeys((*request.channels, *named))))


def create_from(request: CreateRequest, dry_run: bool) -> Made:
    """Create the environment that the file of --from describes; return it, with the differences.

    Raises
    ------
    UsageError
        If `stackenv export` did not write the file.
    ModuleError
        If a module of the record is not available; the hint names others.
    StackenvError
        As `stackenv.lifecycle.create.create_new` does.
    """
    assert request.from_file
    with opened(request, dry_run) as context:
        remaking = plan_from(request, request.from_file, context)
        new, report = remaking.making, remaking.report

        def look() -> None:
            for fault in list_new_faults(remaking.old, new.record, new.modulefile, context, new.stack):
                print_aside(f"{fault.what}; hint: {fault.hint}", fault.level)

        steps = (
            *remaking.plan_environment(),
            Step("check that everything works", look, doing="Checking the environment"),
        )
        made = new.carry_out(steps, dry_run, complete=False)
        return replace(made, report=report)


def plan_from(request: CreateRequest, file: Path, context: Context) -> Remaking:
    """Return the plan for the environment that the exported `file` describes."""
    exported = read_exported(file)
    if exported.record.kind == "conda" and not request.carry:
        raise UsageError(
            f"--no-carry is only for venvs, but {file} describes a conda environment, whose Python "
            "needs no modules",
            "leave out --no-carry",
        )
    if exported.record.kind == "conda" and not request.stubs:
        raise UsageError(
            f"--no-stubs is only for venvs, but {file} describes a conda environment, to which "
            "modules provide no packages",
            "leave out --no-stubs",
        )
    old = replace(
        exported.record,
        name=request.name,
        version=request.version,
        path=NOWHERE,
        owned=False,
        packed=None,
        description=request.description or exported.record.description,
        allow_shadow=(*exported.record.allow_shadow, *request.allow_shadow),
        user_site=exported.record.user_site or request.user_site,
        with_pip=exported.record.with_pip or request.with_pip,
        carry_off=exported.record.carry_off if request.carry else "user",
        stubs_off=exported.record.stubs_off if request.stubs else "user",
    )
    path = choose_path(request.name, request.version, request.path, context, conda=old.kind == "conda")
    modules = request.modules or old.modules
    try:
        stack = load_modules(old, modules, context)
    except ModuleError as error:
        again = f"stackenv create {request.name} --from {shlex.quote(str(file))}"
        raise ModuleError(error.message, advise(again, modules, context)) from error
    record = draft_remade(old, path, stack, context)
    new = Making(record, stack, context, sees_base(old))
    return Remaking(new, old, choose_channels(exported.contents, request, context))
