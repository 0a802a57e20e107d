"""Where a command works: the policy in force, the folder of modules, and its journal."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stackenv.apply.journal import Journal
from stackenv.apply.store import ModuleStore
from stackenv.errors import StackenvError
from stackenv.output import tell
from stackenv.policy import SitePolicy, find_policy_file, load_policy


@dataclass(frozen=True)
class Workplace:
    """The parts that every command needs. `shared` is the root of a project, or None."""

    policy: SitePolicy
    environ: Mapping[str, str]
    store: ModuleStore
    shared: Path | None

    @property
    def journal(self) -> Journal:
        return Journal(self.store.root)

    def recover(self) -> None:
        """Undo or finish what killed commands have left; tell what was done."""
        for sentence in self.journal.recover():
            tell(sentence)

    def choose_environment_folder(self, folder: str) -> Path:
        """Return where the environment `folder` goes: the first usable place of the policy.

        Raises
        ------
        StackenvError
            When there is none.
        """
        if self.shared:
            return self.shared / "venvs" / folder
        for template in self.policy.personal.environments:
            place = template.expand(self.environ)
            if place and place.startswith("/") and Path(place).parent.is_dir():
                return Path(place, folder)
        tried = ", ".join(template.text for template in self.policy.personal.environments)
        raise StackenvError(
            f"none of the site's places for environments can be used now: {tried} (a variable is not set, "
            "or the folder it is in does not exist)",
            "--path FOLDER",
        )

    def is_purged(self, path: Path) -> bool:
        """Tell whether the site deletes old files at `path`."""
        for template in self.policy.conda.purged_storage:
            purged = template.expand(self.environ)
            if purged and f"{path}/".startswith(f"{purged.rstrip('/')}/"):
                return True
        return False

    def describe_use(self) -> str:
        """Return the folder of modules as users type it behind `module use`."""
        home, root = self.environ.get("HOME", ""), str(self.store.root)
        if home and root.startswith(f"{home}/") and shlex.quote(root[len(home) :]) == root[len(home) :]:
            return f"~{root[len(home) :]}"
        return shlex.quote(root)


def open_workplace(shared: Path | None = None) -> Workplace:
    """Return where this process works, by its environment.

    Raises
    ------
    PolicyError
        When the policy in force is wrong.
    StackenvError
        When the folder of modules depends on a variable that is not set.
    """
    environ = dict(os.environ)
    policy = load_policy(find_policy_file(environ))
    if shared:
        return Workplace(policy, environ, ModuleStore(shared.absolute() / "modules"), shared.absolute())
    root = policy.personal.modules.expand(environ)
    if not root or not root.startswith("/"):
        raise StackenvError(
            f"the folder of personal modules, {policy.personal.modules.text}, cannot be told: a variable in "
            "it is not set",
            "set it, or have the site name another folder in the policy (personal.modules)",
        )
    return Workplace(policy, environ, ModuleStore(Path(root)), None)


def read_command_words() -> tuple[str, ...]:
    """Return the command as it was typed."""
    return ("stackenv", *sys.argv[1:])
