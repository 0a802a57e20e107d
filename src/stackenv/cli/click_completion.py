"""How a command line can continue, from the commands, options and arguments that click knows."""

from __future__ import annotations

import re

from click.shell_completion import CompletionItem, ShellComplete, split_arg_string

from stackenv.cli.main import stackenv

# bash inserts a completion unquoted, so nothing is offered that could become more than one word.
WORD = re.compile(r"[A-Za-z0-9_.+:/@=,-]+")
VALUE_OF_OPTION = re.compile(r"(--[a-z-]+=).*", re.DOTALL)


class Completion(ShellComplete):
    """Completes the command line `typed`."""

    def __init__(self, typed: str) -> None:
        super().__init__(stackenv, {}, "stackenv", "")
        self.typed = typed

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one at the cursor, without the program's name, and that word."""
        words = split_arg_string(self.typed)
        incomplete = words.pop() if words and not self.typed[-1].isspace() else ""
        return words[1:], incomplete

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """Return how the word `incomplete` can continue; values of --option= include the option."""
        found = super().get_completions(args, incomplete)
        option = VALUE_OF_OPTION.fullmatch(incomplete)
        for item in found:
            if option and item.type == "plain":
                item.value = option[1] + item.value
        return [item for item in found if item.type != "plain" or WORD.fullmatch(item.value)]

    def format_completion(self, item: CompletionItem) -> str:
        """Return the line for `item`; the shell itself completes files and folders."""
        value = item.value if item.type == "plain" else ""
        return "\t".join((item.type, value, " ".join((item.help or "").split())))
