"""A user with environments on a private stack, which a test may change and which is restored afterwards."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from needy_stack import NeedleStack, describe_needle_stack, write_modules
from stacked import open_stack
from users import User, make_user

# Environments to compare with: another one on the same modules, and one on the next version.
TWIN, NEXT = "twin", "next"


@dataclass(frozen=True)
class World:
    """A user who has the environment bio/1.0 on Needle/1.0, and a stack that tests may change."""

    user: User
    stack: NeedleStack

    @property
    def environment(self) -> Path:
        return self.user.home / "venvs/bio-1.0"

    @property
    def python(self) -> Path:
        return self.environment / "bin/python"

    @property
    def record(self) -> Path:
        return self.environment / "stackenv/record.json"

    @property
    def modulefile(self) -> Path:
        """Return the modulefile of the module that the environment is based on."""
        return self.modulefile_of(self.stack.bundle_module)

    def modulefile_of(self, module: str) -> Path:
        return Path(self.stack.folder, "modules", f"{module}.lua")


def make_world(folder: Path, base: str, kind: str) -> World:
    """Create a stack of this kind and its user in `folder`."""
    below = open_stack(base)
    (folder / "stack").mkdir()
    write_modules(folder / "stack", below, kind)
    stack = describe_needle_stack(folder / "stack", below, kind)
    user = make_user(folder / "user", stack)
    for name, module in (
        ("bio", stack.bundle_module),
        (TWIN, stack.bundle_module),
        (NEXT, stack.next_bundle_module),
    ):
        made = user.stackenv("create", name, load=[module])
        assert made.returncode == 0, made.stderr
    return World(user, stack)


@contextmanager
def kept(*paths: Path) -> Iterator[None]:
    """Restore the files `paths` after the block: their contents, times, mode and owner."""
    copies = [(path, path.with_name(f"{path.name}.kept")) for path in paths]
    for path, copy in copies:
        shutil.copy2(path, copy)
        found = path.stat()
        os.chown(copy, found.st_uid, found.st_gid)
    try:
        yield
    finally:
        for path, copy in copies:
            copy.replace(path)
