"""The first start of a venv's Python without its modules, which compiles what later starts import."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from stackenv.environments.bare_start import run_bare
from stackenv.environments.carried import needs_modules
from stackenv.environments.context import Context
from stackenv.errors import explain
from stackenv.output import print_message
from stackenv.record import Record


def start_first(record: Record) -> None:
    """Start the Python of `record` once, as cron does; print a message if it does not start or end.

    Otherwise users who cannot write to the environment would compile stackenv's files at each start, as would
    all tasks of a job at once. A Python that is packed, has no such files, or needs its modules to start is
    not started.
    """
    if not record.layers or record.packed or record.kind != "venv":
        return
    if record.carried is not None and not record.carried.is_startable:
        return
    # If it carries no modules, a message has just said so, and the Python must not repeat it.
    environ = {} if record.carried else {"STACKENV_TOLD": record.full_name}
    python = Path(record.path, "bin/python")
    try:
        done = run_bare([str(python), "-c", ""], environ)
        said = os.fsdecode(done.stderr).strip().splitlines()
        if done.returncode and needs_modules(record):
            # This was reported when it was decided what is carried.
            return
        why = said[-1] if said else f"status {done.returncode}" if done.returncode else ""
    except (OSError, subprocess.SubprocessError) as error:
        why = explain(error)
    if why:
        print_message(f"{python}, started without its modules: {why.removeprefix('stackenv: ')}")


def start_changed(record: Record, context: Context) -> None:
    """Start the Python of `record` once after a change, except in a project, where others write its files."""
    if not context.shared:
        start_first(record)
