"""The commands' table, and the boundary at which errors become a message and an exit status."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, MutableMapping

import click

from stackenv import __version__
from stackenv.commands.options import EXIT_STATUS
from stackenv.errors import StackenvError

# Each command's name, and where it is. They are many, and what they import is slow.
COMMANDS = {
    "adopt": "stackenv.commands.adopt:adopt",
    "create": "stackenv.commands.create:create",
    "edit": "stackenv.commands.edit:edit",
    "export": "stackenv.commands.export:export",
    "info": "stackenv.commands.info:info",
    "list": "stackenv.commands.listing:listing",
    "remove": "stackenv.commands.remove:remove",
    "rename": "stackenv.commands.rename:rename",
    "run": "stackenv.commands.run:run",
    "site": "stackenv.commands.site:site",
}


class CommandTable(MutableMapping[str, click.Command]):
    """The commands by name, each imported when it is asked for."""

    def __init__(self, places: dict[str, str]) -> None:
        self.places = places
        self.imported: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self.imported:
            module, _, attribute = self.places[name].partition(":")
            self.imported[name] = getattr(importlib.import_module(module), attribute)
        return self.imported[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self.places.setdefault(name, "")
        self.imported[name] = command

    def __delitem__(self, name: str) -> None:
        del self.places[name]
        self.imported.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


@click.group(
    commands=CommandTable(dict(COMMANDS)),
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_STATUS,
)
@click.version_option(__version__, prog_name="stackenv")
def stackenv() -> None:
    """Python on a cluster: without conda init, without a full $HOME, on the optimised stack.

    \b
    Example:
      eb --hooks=$(stackenv site hooks) Anaconda3-2024.02-1.eb
    """


def main() -> int:
    """Run the command line; return its exit status, as the epilog of --help lists them."""
    try:
        stackenv.main(prog_name="stackenv", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        print("stackenv: interrupted", file=sys.stderr)
        return 130
    except StackenvError as error:
        print(f"stackenv: {error}", file=sys.stderr)
        return error.status
    except OSError as error:
        # Nobody reads any more, or the disk is full: what is left must not be tried again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            print(f"stackenv: the output could not be written: {error.strerror}", file=sys.stderr)
        return 1
    return 0
