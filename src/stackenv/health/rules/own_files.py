"""Files that stackenv has put into an environment are gone: a purge of old files does that."""

from __future__ import annotations

from collections.abc import Iterator

from stackenv.environments.managed_files import list_lost_files
from stackenv.environments.module import describe_files
from stackenv.environments.packed import describe_contents
from stackenv.health.checked_environment import CheckedEnvironment
from stackenv.health.finding import Finding
from stackenv.health.rules.python import OF_PYTHON
from stackenv.output import format_count
from stackenv.record import RECORD_FILE


def find(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield one finding with the files that are gone or empty, the record among them."""
    record, prefix = environment.record, environment.prefix
    if not prefix.is_dir():
        return
    if environment.record_lost:
        yield Finding(
            "own-files",
            "broken",
            environment.problem,
            str(prefix / RECORD_FILE),
            "stackenv does not know what the environment is made of, and can neither change nor rebuild it",
            environment.refresh.sentence,
            (environment.refresh,),
            breaks="environment",
        )
    if record is None:
        return
    lost = list_lost_files((*describe_files(record), *describe_contents(record)), record.path)
    if not lost:
        return
    names = [file.path[len(record.path) + 1 :] for file in lost]
    count = format_count(len(lost), "file")
    yield Finding(
        "own-files",
        "broken",
        f"{count} of stackenv in the environment {'is' if len(lost) == 1 else 'are'} missing or empty: "
        f"{', '.join(names)}",
        lost[0].path,
        "; ".join(dict.fromkeys(file.loss for file in lost if file.loss)),
        environment.refresh.sentence,
        (environment.refresh,),
        tuple(names),
        # Read at the start of Python.
        OF_PYTHON if any("/site-packages/" in file.path for file in lost) else (),
        "environment",
    )
