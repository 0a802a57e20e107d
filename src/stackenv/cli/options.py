"""Options and texts that several commands have."""

from __future__ import annotations

from pathlib import Path

import click

EXIT_STATUS = (
    "Exit status: 0 done, 1 it failed, 2 wrong usage, 4 an invalid configuration, 5 an installation that "
    "cannot be used, 6 a modulefile that failed its load test, 7 a module that cannot be loaded, 8 another "
    "process is changing the same module, 9 the name or the folder is taken, 10 a package that cannot be "
    "installed, 129, 130 or 143 interrupted."
)


class CommandGroup(click.Group):
    """A group of commands: without a command, its help stands on stderr, with the status of wrong usage."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the words of the command line; none end the program."""
        # click 8.2 does it so by itself; 8.1, the last for Python 3.9, prints on stdout with status 0.
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(2)
        return super().parse_args(ctx, args)


json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Print what would be done; change nothing.")
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")
shared_option = click.option(
    "--shared",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder of a project: modules and environments that its group can read, and change where it "
    "may write in that folder. Without it they are private.",
)
