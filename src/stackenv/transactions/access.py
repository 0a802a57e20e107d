"""Who may use the files that are created: only their owner, or the group of a project."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stackenv.errors import StackenvError, quote_word
from stackenv.transactions.files import FOR_GROUP, current_umask


@dataclass(frozen=True)
class Access:
    """Who, besides the owner, may use the files that a command creates.

    Parameters
    ----------
    group
        The number of the project's group; None for the user's own files.
    writable
        Whether the group may change the files, as it may change the project's folder.
    """

    group: int | None = None
    writable: bool = False

    @classmethod
    def of_project(cls, root: Path) -> Access:
        """Return the access to the folder of a project."""
        found = root.stat()
        return cls(found.st_gid, bool(found.st_mode & stat.S_IWGRP))

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Within the block, create files with this access; the umask then limits others, not the group."""
        before, was_for_group = current_umask(), FOR_GROUP[0]
        if self.group is not None:
            os.umask(before & ~0o070 | (0 if self.writable else 0o020))
            FOR_GROUP[0] = True
        try:
            yield
        finally:
            os.umask(before)
            FOR_GROUP[0] = was_for_group

    def make_folder(self, path: Path) -> None:
        """Create the folder `path` if it is missing: private, or of the project's group, with setgid.

        Raises
        ------
        StackenvError
            If it cannot be created.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir(0o700 if self.group is None else 0o777)
            if self.group is not None:
                self._share(path)
        except FileExistsError:
            if not path.is_dir():
                raise StackenvError(f"{path} is not a folder", f"ls -l {quote_word(path)}") from None
        except OSError as error:
            raise StackenvError(
                f"{path} could not be created: {error.strerror}; nothing was changed",
                f"ls -ld {quote_word(path.parent)}; df -h {quote_word(path.parent)}",
            ) from error

    def share_tree(self, path: Path) -> None:
        """Give the group access to `path` and everything below it.

        The umask and setgid are not enough, because some tools copy the modes of files.

        Raises
        ------
        StackenvError
            If an owner or a mode cannot be changed.
        """
        if self.group is None:
            return
        try:
            for folder, _, files, descriptor in os.fwalk(path):
                self._share(Path(folder))
                for name in files:
                    self._share(Path(folder, name), descriptor)
        except OSError as error:
            raise StackenvError(
                f"cannot give the group access to {error.filename}: {error.strerror}"
            ) from error

    def _share(self, path: Path, folder: int | None = None) -> None:
        """Give the group access to `path`, which is in the opened `folder`; a link is left alone."""
        # The descriptor stays the same file; meanwhile, the name could be replaced by a link.
        name = path if folder is None else path.name
        descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=folder)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISLNK(found.st_mode):
                self._share_opened(f"/proc/self/fd/{descriptor}", found)
        except OSError as error:
            error.filename = str(path)
            raise
        finally:
            os.close(descriptor)

    def _share_opened(self, path: str, found: os.stat_result) -> None:
        assert self.group is not None
        if found.st_gid != self.group:
            os.chown(path, -1, self.group)
        mode = stat.S_IMODE(found.st_mode)
        of_owner = mode >> 3 & (0o070 if self.writable else 0o050)
        wanted = mode | of_owner | (stat.S_ISGID if stat.S_ISDIR(found.st_mode) else 0)
        # A change of the group may have cleared bits of the mode.
        if wanted != mode or found.st_gid != self.group:
            Path(path).chmod(wanted)
