"""Who else can write to a file or folder, by its mode and its access control list."""

from __future__ import annotations

import grp
import os
import pwd
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

# linux/posix_acl_xattr.h and posix_acl.h: version, then tag, rights and number of each entry.
ATTRIBUTE = "system.posix_acl_access"
HEADER, ENTRY = struct.Struct("<I"), struct.Struct("<HHI")
USER, OWNING_GROUP, GROUP = 0x02, 0x04, 0x08
WRITE = 2


def list_writers(path: Path, status: os.stat_result) -> Iterator[str]:
    """Yield who can write `path`, by name: everybody, groups, users; its owner, root and their groups not.

    Many systems give each user a group of their own with the user's name (useradd(8), USERGROUPS_ENAB).
    """
    if status.st_mode & stat.S_IWOTH:
        yield "everybody"
    # With a list, the group's bits of the mode are its mask: the most that anybody in it can have.
    if not status.st_mode & stat.S_IWGRP:
        return
    owner = name_user(status.st_uid)
    for tag, number in read_acl(path) or [(OWNING_GROUP, status.st_gid)]:
        if tag == USER and number not in (0, status.st_uid):
            yield name_user(number)
        elif tag in (OWNING_GROUP, GROUP):
            group = name_group(status.st_gid if tag == OWNING_GROUP else number)
            if group not in (owner, "root"):
                yield f"the group {group}"


def read_acl(path: Path) -> list[tuple[int, int]]:
    """Return tag and number of the entries of the list of `path` that may write, and its mask's.

    Empty when it has no list.
    """
    try:
        data = os.getxattr(path, ATTRIBUTE)
    except OSError:
        return []
    entries = ENTRY.iter_unpack(data[HEADER.size :])
    return [(tag, number) for tag, rights, number in entries if rights & WRITE]


def name_user(number: int) -> str:
    """Return the name of the user `number`, or the number."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def name_group(number: int) -> str:
    """Return the name of the group `number`, or the number."""
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
