"""The environment, or its record, is not there any more."""

from __future__ import annotations

from collections.abc import Iterator

from stackenv.errors import quote_word
from stackenv.health.checked_environment import CheckedEnvironment
from stackenv.health.finding import Finding, RunCommand
from stackenv.record import RECORD_FILE


def find(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield one finding when folder or record is gone, or the record is that of another environment."""
    name, prefix = environment.full_name, environment.prefix
    if not prefix.is_dir() and not prefix.parent.is_dir():
        yield Finding(
            "environment-gone",
            "broken",
            f"its environment {prefix} cannot be seen, nor the folder that it is in",
            str(environment.modulefile),
            f"`module load {name}` fails; the file system may be away on this node only",
            f"ls -ld {quote_word(prefix.parent)}; on another node: stackenv check {name}",
            breaks="environment",
        )
    elif not prefix.is_dir():
        remove = RunCommand(("stackenv", "remove", name, "--yes"))
        yield Finding(
            "environment-gone",
            "broken",
            f"its environment {prefix} is gone",
            str(environment.modulefile),
            f"`module load {name}` fails",
            f"if it was moved: stackenv adopt NEW_PATH {name.split('/')[0]}; if nobody needs it: "
            f"{remove.sentence}; from what `stackenv export` printed: stackenv create NAME --from FILE",
            breaks="environment",
        )
    elif environment.record is None and not environment.record_lost:
        yield Finding(
            "environment-gone",
            "broken",
            environment.problem,
            str(prefix / RECORD_FILE),
            "nothing tells what it is made of: it can be neither changed nor rebuilt",
            environment.hint,
            breaks="environment",
        )
