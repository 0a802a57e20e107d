"""The site configuration as it was last read, kept in the user's cache folder.

YAML and the schema take longer than everything else that `stackenv list` does. The text of the file is kept
too: the same text, read by the same stackenv, gives the same configuration on every node, whatever inodes and
times are there. Without a home, or on a read-only or full disk, nothing is kept, silently.
"""

from __future__ import annotations

import json
from binascii import crc32
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from stackenv import __version__
from stackenv.configuration import path_template, settings
from stackenv.configuration.settings import SiteConfiguration
from stackenv.configuration.site_file import SHIPPED_FILE, find_configuration_file
from stackenv.private_cache import find_cache, read_file, read_private, write_private

CACHE_FILE = "stackenv/configuration.json"
# The types in settings that JSON does not have, by their names in the cache.
KINDS: Mapping[str, Any] = {
    "tuple": tuple,
    "mapping": MappingProxyType,
    "path": Path,
    **{
        name: kind
        for module in (settings, path_template)
        for name, kind in vars(module).items()
        if hasattr(kind, "_fields")
    },
}


def read_configuration(environ: Mapping[str, str]) -> SiteConfiguration:
    """Return the site configuration that `environ` selects, from the cache or from the file.

    Raises
    ------
    ConfigurationError
        As `find_configuration_file` and `load_configuration` do.
    """
    path = find_configuration_file(environ)
    cache = find_cache(environ, CACHE_FILE)
    key = describe_source(path) if cache else None
    if cache is None or key is None:
        return load(path)
    known = read_cache(cache, key)
    if known is None:
        known = load(path)
        # The file may have changed while it was read.
        if key == describe_source(path):
            write_cache(cache, key, known)
    return known


def load(path: Path) -> SiteConfiguration:
    """Return the site configuration in the file `path`, checked against the schema."""
    # Slow to import.
    from stackenv.configuration.loader import load_configuration

    return load_configuration(path)


def describe_source(path: Path) -> list[Any] | None:
    """Return everything that the site configuration in `path` depends on; None if that cannot be read."""
    try:
        text = read_file(path)[0]
        # Another stackenv that was installed over this one may have the same version.
        sources = [SHIPPED_FILE, *sorted(Path(__file__).parent.glob("*.py"))]
        stats = [place.stat() for place in sources]
    except (OSError, ValueError):
        return None
    return [__version__, [[s.st_size, s.st_mtime_ns] for s in stats], str(path), text]


def read_cache(path: Path, key: list[Any]) -> SiteConfiguration | None:
    """Return the configuration that the cache file `path` has for `key`; None if there is none that can be
    trusted.

    Only a file that this user wrote is trusted.
    """
    try:
        found = json.loads(read_private(path))
        if found["key"] != key or found["crc32"] != crc32(found["configuration"].encode()):
            return None
        configuration = unpack(json.loads(found["configuration"]))
    # A full disk or another program has damaged the file: it is written again.
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if not isinstance(configuration, SiteConfiguration):
        return None
    # The schema checks whether this folder exists, so every run must.
    templates = configuration.conda.templates
    return configuration if templates is None or templates.is_dir() else None


def write_cache(path: Path, key: list[Any], configuration: SiteConfiguration) -> None:
    """Save `configuration` for `key` in `path`."""
    text = json.dumps(pack(configuration))
    # Without the checksum, damage would show only where the configuration is used, far from here.
    write_private(path, json.dumps({"key": key, "crc32": crc32(text.encode()), "configuration": text}))


def pack(value: Any) -> Any:
    """Return `value`, a part of a configuration, as JSON; types that JSON lacks become their names."""
    if hasattr(value, "_fields"):
        return {type(value).__name__: {name: pack(part) for name, part in value._asdict().items()}}
    if isinstance(value, tuple):
        return {"tuple": [pack(item) for item in value]}
    if isinstance(value, Path):
        return {"path": str(value)}
    if isinstance(value, Mapping):
        # It contains only plain values from YAML, which JSON has too.
        return {"mapping": dict(value)}
    return value


def unpack(value: Any) -> Any:
    """Return the part of a configuration that `pack` described; raise Python's own errors otherwise."""
    if not isinstance(value, dict):
        return value
    ((name, content),) = value.items()
    if name == "tuple":
        return tuple(map(unpack, content))
    if name in ("mapping", "path"):
        return KINDS[name](content)
    return KINDS[name](**{field: unpack(part) for field, part in content.items()})
