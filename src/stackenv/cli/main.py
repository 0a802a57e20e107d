"""The table of the commands, and the command line as click reads it."""

from __future__ import annotations

import gc
import importlib
import shlex
import signal
from collections.abc import Iterator, MutableMapping

import click

from stackenv import __version__
from stackenv.cli.json_option import answering
from stackenv.cli.options import EXIT_STATUS, CommandGroup
from stackenv.errors import UsageError

# Each command's name, and where it is. They are many, and what they import is slow.
COMMANDS = {
    "adopt": "stackenv.cli.adopt:adopt",
    "check": "stackenv.cli.check:check",
    "clean": "stackenv.cli.clean:clean",
    "create": "stackenv.cli.create:create",
    "doctor": "stackenv.cli.check:doctor",
    "edit": "stackenv.cli.edit:edit",
    "export": "stackenv.cli.export:export",
    "help": "stackenv.cli.main:show_help",
    "info": "stackenv.cli.info:info",
    "job": "stackenv.cli.job:job",
    "kernel": "stackenv.cli.kernel:kernel",
    "list": "stackenv.cli.list:listing",
    "ls": "stackenv.cli.list:ls",
    "pack": "stackenv.cli.pack:pack",
    "rebuild": "stackenv.cli.rebuild:rebuild",
    "remove": "stackenv.cli.remove:remove",
    "rename": "stackenv.cli.rename:rename",
    "rm": "stackenv.cli.remove:rm",
    "run": "stackenv.cli.run:run",
    "site": "stackenv.cli.site:site",
    "unpack": "stackenv.cli.unpack:unpack",
    "update": "stackenv.cli.update:update",
    "upgrade": "stackenv.cli.update:upgrade",
    "usage": "stackenv.cli.usage:usage",
}

# What others call a command, what it is shown with where nothing was given, and what to type here.
NO_COMMANDS = {
    "activate": ("NAME", "{load}"),
    "install": (
        "PACKAGE",
        "load the environment's module first: module load NAME; pip install {0} (in a conda environment: "
        "conda install {0})",
    ),
}
LONGEST_SENTENCE = 200


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


class TopGroup(CommandGroup):
    """The group of all commands: it knows what people type in vain, and cuts no command's text."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is meant; raise UsageError for one that other programs have."""
        hint = NO_COMMANDS.get(args[0]) if args else None
        if hint is None:
            return super().resolve_command(ctx, args)
        word, typed = hint
        given = shlex.join(args[1:]) if len(args) > 1 and all(a.isprintable() for a in args) else word
        load = show_load(given) if "{load}" in typed else ""
        raise UsageError(f"`stackenv {args[0]}` is not a command", typed.format(given, load=load))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with their first sentences, which wrap where they are too long."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(n, c.get_short_help_str(LONGEST_SENTENCE)) for n, c in commands if c and not c.hidden]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def show_load(name: str) -> str:
    """Return what to type to load the personal module `name` in this shell."""
    from stackenv.environments.context import open_context
    from stackenv.user_paths import type_load

    context = open_context()
    return type_load(str(context.store.root), name, context.environ)


@click.group(
    cls=TopGroup,
    commands=CommandTable(dict(COMMANDS)),
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_STATUS,
)
@click.version_option(__version__, "-V", "--version", prog_name="stackenv")
def stackenv() -> None:
    """Create Python environments that load as modules.

    They build on the cluster's optimised modules, work without `conda init`, and do not fill up $HOME.

    \b
    Example:
      module load SciPy-bundle
      stackenv create biopy biopython
    """
    gc.enable()
    # click calls this when the command is imported, and runs it next: it may have something to put away.
    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@click.command("help", hidden=True)
@click.argument("words", metavar="[COMMAND]", nargs=-1)
@click.pass_context
def show_help(context: click.Context, words: tuple[str, ...]) -> None:
    """Show the help of a command, as COMMAND --help does."""
    parent = context.parent
    assert parent is not None
    parent.command.main([*words, "--help"], prog_name="stackenv", standalone_mode=False)


def show_click_error(error: click.ClickException) -> None:
    """Print what click found wrong in what was typed, as all errors are printed."""
    from stackenv.output import print_aside, print_error

    text = error.format_message()
    print_error(text[:1].lower() + text[1:].rstrip("."))
    if isinstance(error, click.UsageError) and error.ctx:
        print_aside(f"\n{error.ctx.get_usage()}\n")
        print_aside(f"{error.ctx.command_path} --help", "hint")


def run(words: list[str]) -> int:
    """Run the command line of `words`; return the exit status.

    Ctrl-C does behind it what it did before.

    Raises
    ------
    KeyboardInterrupt
        At Ctrl-C, also at a question.
    """
    before = signal.getsignal(signal.SIGINT)
    try:
        with answering(words):
            status = stackenv.main(words, prog_name="stackenv", standalone_mode=False)
        # click returns the status of its Exit, or what the command has returned.
        return status if isinstance(status, int) else 0
    except click.ClickException as error:
        show_click_error(error)
        return error.exit_code
    except click.Abort as abort:
        raise KeyboardInterrupt from abort
    finally:
        signal.signal(signal.SIGINT, before)
