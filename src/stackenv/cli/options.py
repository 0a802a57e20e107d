"""Options and texts that several commands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable, TypeVar

import click

from stackenv.cli.completers import complete_modules, complete_names
from stackenv.errors import LONGEST_WORD, UsageError, quote_word, suggest

Command = TypeVar("Command", bound=Callable[..., Any])

EXIT_STATUS = (
    "Exit status: 0 success, 1 failure, 2 wrong usage, 4 invalid site configuration, 5 unusable "
    "installation, 6 failed load test of a modulefile, 7 module cannot be loaded, 8 another process is "
    "changing the same module, 9 name or folder already in use, 10 package cannot be installed, 129, 130 or "
    "143 interrupted."
)


# Where click keeps what was given of --verbose and --quiet, in `Context.meta`.
LOUDNESS = "stackenv.loudness"


class CommandGroup(click.Group):
    """A group of commands: without a command, its help goes to stderr, with the status of wrong usage."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words of the command line; exit if there are none."""
        # click 8.2 does this by itself; 8.1, the last version for Python 3.9, prints to stdout with status 0.
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the first word names; a UsageError suggests the most similar one."""
        word = args[0] if args else "-"
        if word.startswith("-") or ctx.resilient_parsing or self.get_command(ctx, word):
            return super().resolve_command(ctx, args)
        # Only the names are compared: importing every command would double the run time.
        similar = suggest(word, self.list_commands(ctx), f"{ctx.command_path} ")
        hint = "; ".join([*similar, f"{ctx.command_path} --help lists the commands"])
        raise UsageError(f"`{ctx.command_path} {shorten(word)}` is not a command", hint)


def explain_click_error(error: click.ClickException) -> tuple[str, str]:
    """Return what click found wrong in what was typed, and the command that shows what can be typed."""
    text = error.format_message()
    context = getattr(error, "ctx", None)
    return text[:1].lower() + text[1:].rstrip("."), f"{context.command_path} --help" if context else ""


def shorten(word: str) -> str:
    """Return `word`, truncated if it is longer than any name."""
    return word if len(word) <= LONGEST_WORD else f"{word[:LONGEST_WORD]}..."


def set_loudness(context: click.Context, option: click.Parameter, chosen: bool) -> None:
    """Show the output of other programs as it comes (verbose), or only errors and results (quiet)."""
    # Imported here, because --help does not need it.
    from stackenv.output import SCREEN

    given = context.meta.setdefault(LOUDNESS, [])
    if chosen:
        given.append(option.name)
    if len(given) > 1:
        raise UsageError("`--quiet` cannot be combined with `--verbose`", "leave out one of them")
    SCREEN.verbose, SCREEN.quiet = given == ["verbose"], given == ["quiet"]


dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Show what would be done, without changing anything."
)
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask for confirmation.")
verbose_option = click.option(
    "--verbose",
    "-v",
    is_flag=True,
    expose_value=False,
    callback=set_loudness,
    help="Show all output of pip, uv, conda and other programs.",
)
quiet_option = click.option(
    "--quiet",
    "-q",
    is_flag=True,
    expose_value=False,
    callback=set_loudness,
    help="Print errors and the result only.",
)
shared_option = click.option(
    "--shared",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    # Parsed first, because an omitted name is looked up in this folder.
    is_eager=True,
    help="Use the project in FOLDER, which its group shares, instead of your own modules and environments.",
)
allow_shadow_option = click.option(
    "--allow-shadow",
    multiple=True,
    metavar="PACKAGE",
    help="Allow a version of this package other than the one in the modules.",
)
user_site_option = click.option(
    "--user-site", is_flag=True, help="Also import packages from ~/.local, after the environment's own."
)
no_build_isolation_option = click.option(
    "--no-build-isolation",
    is_flag=True,
    help="Let packages that are built from source use the packages of the modules.",
)
no_carry_option = click.option(
    "--no-carry",
    "carry",
    flag_value=False,
    is_flag=True,
    default=True,
    help="Do not make the modules available to the environment's Python when they are not loaded (editors, "
    "cron).",
)
no_stubs_option = click.option(
    "--no-stubs",
    "stubs",
    flag_value=False,
    is_flag=True,
    default=True,
    help="Do not show the packages of the modules to uv; it then installs its own copies.",
)
name_argument = click.argument("name", metavar="NAME[/VERSION]", shell_complete=complete_names)


# The value of the argument if the name was omitted; users cannot type it.
LEFT_OUT = "\0"


def choose_loaded(context: click.Context, _argument: click.Parameter, name: str | None) -> str | None:
    """Return `name`, or the name of the environment whose module is loaded if none was given."""
    if name not in (None, LEFT_OUT) or context.resilient_parsing:
        return name
    return require_loaded_name(context.params.get("shared"))


def require_loaded_name(shared: Path | None) -> str:
    """Return the environment whose module is loaded in this shell, if it is the user's own or in `shared`.

    Raises
    ------
    UsageError
        If no such module is loaded, or if it is in another modules folder.
    """
    from stackenv.environments.names import find_loaded

    name, folder, is_meant = find_loaded(os.environ, shared)
    if not name:
        raise UsageError(
            "the name of the environment is missing",
            "`stackenv list` shows the names; the name can be omitted while the environment's module is "
            "loaded",
        )
    if not is_meant:
        raise UsageError(
            f"the name of the environment is missing, and the loaded module {name} is in {folder}",
            f"if you mean this module of a project, add: {name} --shared {quote_word(folder.parent)}; "
            "`stackenv list` shows your own modules",
        )
    return name


# For commands that can act on the loaded environment; those that delete, move or pack it require its name.
loaded_name_argument = click.argument(
    "name",
    metavar="[NAME[/VERSION]]",
    required=False,
    callback=choose_loaded,
    shell_complete=complete_names,
)


def module_option(default: str) -> Callable[[Command], Command]:
    """Return the option that names modules; `default` says what is used without it."""
    return click.option(
        "-m",
        "--module",
        "modules",
        multiple=True,
        metavar="MODULE",
        shell_complete=complete_modules,
        help=f"Base the environment on this module (default: {default}).",
    )


def description_option(default: str | None) -> Callable[[Command], Command]:
    """Return the option that sets a description; `default` is its value if it is not given."""
    return click.option(
        "--description",
        default=default,
        metavar="TEXT",
        help="Set the one-line description that `module spider` and `stackenv list` show.",
    )
