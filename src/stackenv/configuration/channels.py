"""Channels, by the names that conda uses for them."""

from __future__ import annotations

# conda/base/constants.py, DEFAULT_CHANNEL_ALIAS and DEFAULT_CHANNELS: the meaning of `defaults` unless a site
# changes it.
ALIAS = "https://conda.anaconda.org/"
DEFAULTS = "defaults"
DEFAULTS_URLS = tuple(f"https://repo.anaconda.com/pkgs/{name}" for name in ("main", "r", "msys2"))


def name_channel(channel: str, subdir: str = "") -> str:
    """Return `channel` as users type it, without the address that conda puts before names.

    In conda-meta it is a URL that ends with the platform's folder `subdir`.
    """
    name = channel.rstrip("/")
    for folder in filter(None, (subdir, "noarch")):
        if name.endswith(f"/{folder}"):
            name = name[: -len(folder) - 1]
            break
    return name[len(ALIAS) :] if name.startswith(ALIAS) else name
