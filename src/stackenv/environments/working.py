"""Sets up all work on an environment: signals, access rights, and a folder for temporary files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from stackenv.environments.context import Context
from stackenv.output import having_status
from stackenv.transactions.interruption import stopping_at_signals
from stackenv.transactions.scratch import Scratch


@contextlib.contextmanager
def working_in(context: Context) -> Iterator[Context]:
    """Within the block, programs keep their temporary files in a folder that is removed at its end.

    A signal to stop raises an exception in the block, after the programs have ended. A terminal shows the
    current step.
    """
    with stopping_at_signals(), having_status(), context.access.applied():
        scratch = Scratch.make()
        try:
            yield replace(context, environ={**context.environ, "TMPDIR": str(scratch.folder)})
        finally:
            scratch.drop()
