"""The table of commands, and how click parses the command line."""

from __future__ import annotations

import gc
import importlib
import shlex
import signal
from collections.abc import Iterator, MutableMapping

import click

from stackenv import __version__
from stackenv.cli.json_option import answering
from stackenv.cli.options import EXIT_STATUS, CommandGroup, explain_click_error
from stackenv.errors import UsageError

# The name of each command, and where it is defined: importing all of them would be slow.
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

# The order in which help lists the commands; those that only repeat another are in none.
SECTIONS = {
    "Create and change environments": (
        "create",
        "adopt",
        "edit",
        "update",
        "rebuild",
        "export",
        "rename",
        "remove",
    ),
    "Use environments": ("run", "job", "kernel"),
    "Look and repair": ("list", "info", "check"),
    "Save disk space": ("usage", "clean", "pack", "unpack"),
    "For administrators": ("site",),
}

# Commands of other programs: a word that stands for missing arguments, and what to type in stackenv.
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
    """The commands by name; each is imported when it is first used."""

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
    """The group of all commands: it recognises commands of other programs, and does not shorten summaries."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that `args` names; raise UsageError for one that only other programs have."""
        hint = NO_COMMANDS.get(args[0]) if args else None
        if hint is None:
            return super().resolve_command(ctx, args)
        word, typed = hint
        given = shlex.join(args[1:]) if len(args) > 1 and all(a.isprintable() for a in args) else word
        load = show_load(given) if "{load}" in typed else ""
        raise UsageError(f"`stackenv {args[0]}` is not a command", typed.format(given, load=load))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands of SECTIONS with the first sentence of their help, wrapped if it is too long."""
        width = max(len(name) for names in SECTIONS.values() for name in names)
        for title, names in SECTIONS.items():
            rows = [(f"{name:{width}}", self.commands[name]) for name in names]
            with formatter.section(title):
                formatter.write_dl([(n, c.get_short_help_str(LONGEST_SENTENCE)) for n, c in rows])


def show_load(name: str) -> str:
    """Return the command that loads the personal module `name` in this shell."""
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

    They use the packages of the cluster's optimised modules instead of installing them again, and need no
    `conda init`.

    \b
    Example:
      module load SciPy-bundle
      stackenv create biopy biopython
    """
    gc.enable()
    # click calls this after it has imported the command and before it runs it. From here on, Ctrl-C must
    # raise an exception, because the command may have to clean up.
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

    message, hint = explain_click_error(error)
    print_error(message)
    if isinstance(error, click.UsageError) and error.ctx:
        print_aside(f"\n{error.ctx.get_usage()}\n")
        print_aside(hint, "hint")


def run(words: list[str]) -> int:
    """Run the command line `words`; return the exit status.

    Afterwards Ctrl-C does what it did before.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C, also at a question.
    """
    before = signal.getsignal(signal.SIGINT)
    try:
        with answering(words):
            status = stackenv.main(words, prog_name="stackenv", standalone_mode=False)
        # click returns the status of its Exit, or the return value of the command.
        return status if isinstance(status, int) else 0
    except click.ClickException as error:
        show_click_error(error)
        return error.exit_code
    except click.Abort as abort:
        raise KeyboardInterrupt from abort
    finally:
        signal.signal(signal.SIGINT, before)
