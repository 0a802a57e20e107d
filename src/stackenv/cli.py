"""The commands' table, and the boundary at which errors become a message and an exit status."""

from __future__ import annotations

import os
import sys

import click

from stackenv import __version__
from stackenv.commands.adopt import adopt
from stackenv.commands.create import create
from stackenv.commands.listing import listing
from stackenv.commands.options import EXIT_STATUS
from stackenv.commands.site import site
from stackenv.errors import StackenvError


@click.group(
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


for command in (adopt, create, listing, site):
    stackenv.add_command(command)


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
