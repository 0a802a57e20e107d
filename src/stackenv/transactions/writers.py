"""Finds who else can write to a file or folder, by its mode and its access control list."""

from __future__ import annotations

import grp
import os
import pwd
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

# linux/posix_acl_xattr.h and posix_acl.h: a version, then the tag, rights and number of each entry.
ATTRIBUTE = "system.posix_acl_access"
HEADER, ENTRY = struct.Struct("<I"), struct.Struct("<HHI")
USER, OWNING_GROUP, GROUP = 0x02, 0x04, 0x08
WRITE = 2


def list_writers(path: Path, status: os.stat_result) -> Iterator[str]:
    """Yield the names of those who can write `path`: everybody, groups, users.

    The owner, root and their own groups are left out: many systems give each user a group with the user's
    name (useradd(8), USERGROUPS_ENAB).
    """
    if status.st_mode & stat.S_IWOTH:
        yield "everybody"
    # If there is a list, the group's bits of the mode are its mask, which limits the rights of all entries.
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
    """Return the tag and number of each entry in the list of `path` that may write, including the mask.

    The result is empty if there is no list.
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
