"""`stackenv run`: one command in an environment."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackenv.cli.completers import complete_files
from stackenv.cli.options import LEFT_OUT, loaded_name_argument, shared_option
from stackenv.errors import UsageError, quote_word

if TYPE_CHECKING:
    from stackenv.environments.context import Context


class RunCommand(click.Command):
    """A command whose name can be omitted before the dashes while an environment's module is loaded."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse `args`, in which the name can be missing."""
        if is_nameless(args) and not ctx.resilient_parsing:
            dashes = args.index("--")
            args = [*args[:dashes], LEFT_OUT, *args[dashes:]]
        return super().parse_args(ctx, args)


def is_nameless(args: list[str]) -> bool:
    """Return whether the dashes are the first of `args`, except --shared and its value."""
    before = args[: args.index("--")] if "--" in args else args
    has_option = [word.partition("=")[0] for word in before[:1]] == ["--shared"]
    return len(before) < len(args) and len(before) == (0 if not has_option else 1 if "=" in before[0] else 2)


@click.command(
    cls=RunCommand,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@shared_option
@loaded_name_argument
@click.argument(
    "command",
    nargs=-1,
    type=click.UNPROCESSED,
    metavar="[--] COMMAND...",
    shell_complete=complete_files,
)
def run(name: str, command: tuple[str, ...], shared: Path | None) -> None:
    """Run a command in an environment.

    In a shell that has loaded the environment's module, you can omit NAME, but not the dashes. Signals are
    passed on to the command, and its exit status is returned, or 127 if the command is not found.

    The modules that are loaded in this shell are purged first, except sticky ones, so that the command sees
    only the environment. The `module` function is not needed, so this also works in a job, in cron and over
    ssh.

    \b
    Example:
      stackenv run biopy -- python script.py
      srun stackenv run biopy python script.py
    """
    from stackenv.environments.context import open_context, recover
    from stackenv.environments.run import run_in

    words = command[1:] if command[:1] == ("--",) else command
    if not words or not words[0]:
        raise UsageError(
            "the command to run is missing", f"stackenv run {quote_word(name)} -- python script.py"
        )
    context = open_context(shared)
    recover(context)
    refuse_program(name, words, context)
    run_in(name, words, context)


def refuse_program(name: str, words: Sequence[str], context: Context) -> None:
    """Say that the dashes are missing if `name` is a program, not an environment, and a module is loaded.

    Raises
    ------
    UsageError
        If that is the case.
    """
    # This check comes first because it usually ends here, and many jobs call this command.
    if not shutil.which(name, path=context.environ.get("PATH", "")):
        return
    from stackenv.environments.names import find_loaded

    loaded, _, is_meant = find_loaded(context.environ, context.shared)
    known = {called for module in context.store.list_modules() for called in (module.name, module.full_name)}
    if is_meant and name not in known:
        typed = shlex.join(("stackenv", "run", "--", name, *words))
        what = f"there is no environment {name}; to run the program {name} in {loaded}, put -- before it"
        raise UsageError(what, typed)
