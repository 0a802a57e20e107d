"""The commands' table, and the boundary at which errors become a message and an exit status."""

from __future__ import annotations

import sys

import click

from stackenv import __version__
from stackenv.commands.site import site
from stackenv.errors import StackenvError


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 done, 1 it failed, 2 wrong usage, 4 a wrong policy, 5 an installation "
    "that cannot be used.",
)
@click.version_option(__version__, prog_name="stackenv")
def stackenv() -> None:
    """Python on a cluster: without conda init, without a full $HOME, on the optimised stack."""


stackenv.add_command(site)


def main() -> int:
    """Run the command line; return its exit status, as the epilog of --help lists them."""
    try:
        stackenv.main(prog_name="stackenv", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        print("stackenv: interrupted", file=sys.stderr)
        return 130
    except StackenvError as error:
        print(f"stackenv: {error}", file=sys.stderr)
        return error.status
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    return 0
