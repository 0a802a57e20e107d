"""What every command needs: the site configuration, the folder of modules, and its journal."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from stackenv.configuration.loader import find_configuration_file, load_configuration
from stackenv.configuration.settings import SiteConfiguration
from stackenv.environments.modules_folder import check_project, open_store
from stackenv.environments.store import ModuleStore
from stackenv.errors import StackenvError
from stackenv.output import tell
from stackenv.record import FOLDER, RECORD_FILE, TOOLS_MARKS
from stackenv.transactions.access import Access
from stackenv.transactions.interruption import stopping_at_signals
from stackenv.transactions.journal import Journal
from stackenv.transactions.places import Marks
from stackenv.transactions.scratch import Scratch, sweep_scratch

# By these files a folder is an environment: stackenv's, and those of venv and conda.
MARKS = Marks((RECORD_FILE, f"{FOLDER}/unfinished-*"), TOOLS_MARKS)


@dataclass(frozen=True)
class Context:
    """The parts that every command needs. `shared` is the root of a project, or None."""

    configuration: SiteConfiguration
    environ: Mapping[str, str]
    store: ModuleStore
    shared: Path | None

    @property
    def journal(self) -> Journal:
        return Journal(self.store.root, MARKS, self.access)

    @property
    def access(self) -> Access:
        """Who may use what is made here."""
        return Access.of_project(self.shared) if self.shared else Access()


def open_context(shared: Path | None = None) -> Context:
    """Return where this process works, by its environment.

    Raises
    ------
    ConfigurationError
        When the site configuration is wrong.
    StackenvError
        When the folder of modules depends on a variable that is not set.
    """
    environ = dict(os.environ)
    configuration = load_configuration(find_configuration_file(environ))
    project = check_project(shared.absolute()) if shared else None
    return Context(configuration, environ, open_store(configuration, environ, project), project)


@contextlib.contextmanager
def working_in(context: Context) -> Iterator[Context]:
    """Within the block all that is started has its temporary files in a folder that goes with the block.

    A signal to stop ends the block by an exception, after what was started.
    """
    with stopping_at_signals(), context.access.applied():
        scratch = Scratch.make()
        try:
            yield replace(context, environ={**context.environ, "TMPDIR": str(scratch.folder)})
        finally:
            scratch.drop()


def recover(context: Context) -> None:
    """Undo or finish what killed commands have left; tell what was done, and what could not be.

    Raises
    ------
    StackenvError
        When the folder of modules cannot be read.
    """
    try:
        with context.access.applied():
            for sentence in context.journal.recover():
                tell(sentence)
    except StackenvError as error:
        tell(f"what an interrupted command has left is not undone: {error}")
    except OSError as error:
        raise StackenvError(
            f"the folder of modules cannot be read: {error.filename or context.store.root}: "
            f"{error.strerror}; nothing was changed",
            f"ls -ld {shlex.quote(str(context.store.root))}",
        ) from error
    sweep_scratch()
