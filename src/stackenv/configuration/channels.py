"""Channels by the names that conda has for them."""

from __future__ import annotations

# conda/base/constants.py, DEFAULT_CHANNEL_ALIAS and DEFAULT_CHANNELS: what `defaults` stands for, unless a
# site says otherwise.
ALIAS = "https://conda.anaconda.org/"
DEFAULTS = "defaults"
DEFAULTS_URLS = tuple(f"https://repo.anaconda.com/pkgs/{name}" for name in ("main", "r", "msys2"))


def name_channel(channel: str, subdir: str = "") -> str:
    """Return `channel` as it is typed, without the address that conda puts in front of names.

    conda-meta has it as a URL, with the platform's folder `subdir` at its end.
    """
    name = channel.rstrip("/")
    for folder in filter(None, (subdir, "noarch")):
        if name.endswith(f"/{folder}"):
            name = name[: -len(folder) - 1]
            break
    return name[len(ALIAS) :] if name.startswith(ALIAS) else name
