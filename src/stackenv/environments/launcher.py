"""The launcher: a command in an environment, with no process of stackenv or Lmod left around it."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from typing import NoReturn

from stackenv.environments.launch import describe_launch

__all__ = ["describe_launch", "launch"]


def launch(words: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
    """Become the process that `words` start."""
    # Python ignores these from its start, and what is ignored stays so in a new program; sh cannot
    # bring them back.
    for name in ("SIGPIPE", "SIGXFSZ"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    os.execve(words[0], list(words), environ)
