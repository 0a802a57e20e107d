"""Options and texts that several commands have."""

from __future__ import annotations

from pathlib import Path

import click

EXIT_STATUS = (
    "Exit status: 0 done, 1 it failed, 2 wrong usage, 4 a wrong policy, 5 an installation that cannot "
    "be used, 6 a modulefile that failed its proof, 7 a module that cannot be loaded, 8 another process "
    "is changing the same module, 9 the name or the folder is taken, 10 a package that cannot be "
    "installed, 129, 130 or 143 interrupted."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Print what would be done; change nothing.")
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")
shared_option = click.option(
    "--shared",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder of a project: modules and environments that its group can read, and change where it "
    "may write in that folder. Without it they are private.",
)
