"""The context of every command: the site configuration, the folder of modules, and its journal."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stackenv.configuration.cache import read_configuration
from stackenv.configuration.settings import SiteConfiguration
from stackenv.environments.modules_folder import check_project, find_store
from stackenv.environments.store import ModuleStore
from stackenv.errors import StackenvError
from stackenv.output import print_error, print_message
from stackenv.transactions.leftovers import may_have_journals, may_have_scratch

if TYPE_CHECKING:
    from stackenv.transactions.access import Access
    from stackenv.transactions.journal import Journal


@dataclass(frozen=True)
class Context:
    """The parts that every command needs. `shared` is the root of a project, or None."""

    configuration: SiteConfiguration
    environ: Mapping[str, str]
    store: ModuleStore
    shared: Path | None

    @property
    def journal(self) -> Journal:
        """The journal of changes to modules: locks, and what is left to do after an interruption."""
        # Slow to import, and not needed by commands that only read modules.
        from stackenv.environments.marks import MARKS
        from stackenv.transactions.journal import Journal

        return Journal(self.store.root, MARKS, self.access)

    @property
    def access(self) -> Access:
        """Who may use the files that are created here."""
        from stackenv.transactions.access import Access

        return Access.of_project(self.shared) if self.shared else Access()


def open_context(shared: Path | None = None) -> Context:
    """Return the context of this process, from its environment variables.

    Raises
    ------
    ConfigurationError
        If the site configuration is invalid.
    StackenvError
        If the folder of modules depends on a variable that is not set.
    """
    environ = dict(os.environ)
    configuration = read_configuration(environ)
    project = check_project(shared.absolute()) if shared else None
    return Context(configuration, environ, find_store(configuration, environ, project), project)


def recover(context: Context) -> None:
    """Undo or finish the changes of killed commands; print what was done, and what could not be done.

    Raises
    ------
    StackenvError
        If the folder of modules cannot be read.
    """
    try:
        if may_have_journals(context.store.root):
            with context.access.applied():
                for sentence in context.journal.recover():
                    print_message(sentence)
    except StackenvError as error:
        print_error(f"an interrupted command could not be undone: {error}")
    except OSError as error:
        raise StackenvError(
            f"the folder of modules cannot be read: {error.filename or context.store.root}: "
            f"{error.strerror}; nothing was changed",
            f"ls -ld {shlex.quote(str(context.store.root))}",
        ) from error
    if may_have_scratch(context.environ):
        from stackenv.transactions.scratch import sweep_scratch

        sweep_scratch()
