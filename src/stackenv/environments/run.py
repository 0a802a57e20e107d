"""Runs a command in an environment, through its module."""

from __future__ import annotations

import sys
from typing import NoReturn

from stackenv.environments.context import Context
from stackenv.environments.launch import describe_launch, launch
from stackenv.environments.packed import ENTRANCE
from stackenv.lmod.bindings import find_lmod


def run_in(name: str, words: tuple[str, ...], context: Context) -> NoReturn:
    """Replace this process by the command `words`, run in the environment of the module `name`."""
    module = context.store.find(name, default=True)
    record = module.read_record()
    if record.packed and record.packed.way == "namespace":
        # The command and everything it starts share one mount, even if the command is not in the environment.
        words = (f"{record.path}/{ENTRANCE}", "run", *words)
    modulepath = f"{context.store.root}:{record.modulepath}"
    lmod = find_lmod(context.environ)
    sys.stdout.flush()
    launch(describe_launch(lmod, module.full_name, str(module.path), modulepath, words), context.environ)
