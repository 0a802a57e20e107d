"""Creates a folder beside an environment that replaces it when complete: an image, or its files."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from stackenv.environments.context import Context
from stackenv.environments.module import describe_module
from stackenv.environments.module_update import plan_kept_modulefile, read_texts
from stackenv.environments.store import StoredModule
from stackenv.modulefile.text import render_module
from stackenv.record import FOLDER, RECORD_FILE, Record
from stackenv.transactions.changes import ExchangeFolder, RemoveFile, RemoveTree, WriteFile
from stackenv.transactions.transaction import Step, Switch, find_nothing


@dataclass
class Exchange:
    """An exchange of the environment of `module`, whose record is `record`, in progress.

    Parameters
    ----------
    identity
        ID of the new folder.
    real
        Real path of the environment.
    staged
        Where the new folder is created.
    aside
        Path of the old folder while it is removed.
    """

    module: StoredModule
    record: Record
    context: Context
    identity: str = field(init=False)
    real: Path = field(init=False)
    staged: Path = field(init=False)
    aside: Path = field(init=False)

    def __post_init__(self) -> None:
        self.identity, self.real = uuid.uuid4().hex, Path(self.record.path).resolve()
        self.staged, self.aside = (
            self.real.with_name(f".{self.real.name}.{word}-{self.identity[:8]}")
            for word in ("staged", "removing")
        )

    @property
    def unfinished(self) -> Path:
        """The file that marks the new folder as incomplete."""
        return self.staged / FOLDER / f"unfinished-{self.identity}"

    def plan_making(self, sentence: str, make: Callable[[], None]) -> Step:
        """Return the step that creates the new folder, which `make` fills."""

        def make_marked() -> None:
            self.context.access.make_folder(self.staged)
            self.unfinished.parent.mkdir()
            self.unfinished.touch()
            make()

        return Step(sentence, make_marked, (RemoveTree(str(self.staged), str(self.unfinished)),))

    def plan_switch(
        self, record: Record, sentence: str, find_problem: Callable[[], str] = find_nothing
    ) -> Switch:
        """Return the changes by which the new folder, of `record`, replaces the environment, deleted last."""
        notes, kept = plan_kept_modulefile(self.module, self.module.path)
        changes = (
            *kept,
            RemoveFile(str(self.unfinished)),
            ExchangeFolder(str(self.real), str(self.staged), str(self.aside)),
            WriteFile(str(self.module.path), render_module(describe_module(record))),
            RemoveTree(str(self.aside), str(self.aside / RECORD_FILE)),
        )
        seen = read_texts([self.module.path])
        return Switch((*notes, sentence), changes, seen, find_problem, sentence)
