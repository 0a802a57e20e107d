"""The frame of all work on an environment: signals, access, and a folder for temporary files."""

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
    """Within the block all that is started has its temporary files in a folder that goes with the block.

    A signal to stop ends the block by an exception, after what was started. A terminal shows what is done.
    """
    with stopping_at_signals(), having_status(), context.access.applied():
        scratch = Scratch.make()
        try:
            yield replace(context, environ={**context.environ, "TMPDIR": str(scratch.folder)})
        finally:
            scratch.drop()
