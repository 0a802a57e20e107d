"""What a site configuration became when it was last read, kept in the user's cache folder.

YAML and the schema take longer than all else that `stackenv list` does. Kept is the text of the file too:
the same text, read by the same stackenv, gives the same configuration on each node, whatever inodes and times
say there. Without a home, on a read-only or a full disk nothing is kept, and nothing is said.
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
# The kinds of values of settings that JSON does not have, by the names that they have in the cache.
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
    """Return the site configuration that holds by `environ`: from the cache, or from the file.

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
        # What was read may be another text by now.
        if key == describe_source(path):
            write_cache(cache, key, known)
    return known


def load(path: Path) -> SiteConfiguration:
    """Return the site configuration in the file `path`, as the schema has it."""
    # Slow to import.
    from stackenv.configuration.loader import load_configuration

    return load_configuration(path)


def describe_source(path: Path) -> list[Any] | None:
    """Return all that the site configuration in `path` depends on; None where that cannot be read."""
    try:
        text = read_file(path)[0]
        # A stackenv that is installed over this one may say that it is of the same version.
        sources = [SHIPPED_FILE, *sorted(Path(__file__).parent.glob("*.py"))]
        stats = [place.stat() for place in sources]
    except (OSError, ValueError):
        return None
    return [__version__, [[s.st_size, s.st_mtime_ns] for s in stats], str(path), text]


def read_cache(path: Path, key: list[Any]) -> SiteConfiguration | None:
    """Return what the cache in the file `path` has for `key`; None when it has not, or is not to be trusted.

    Only this user may have written it.
    """
    try:
        found = json.loads(read_private(path))
        if found["key"] != key or found["crc32"] != crc32(found["configuration"].encode()):
            return None
        configuration = unpack(json.loads(found["configuration"]))
    # What a full disk or another program has left there: it is made again.
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if not isinstance(configuration, SiteConfiguration):
        return None
    # The schema asks whether this folder is there, and so does each run.
    templates = configuration.conda.templates
    return configuration if templates is None or templates.is_dir() else None


def write_cache(path: Path, key: list[Any], configuration: SiteConfiguration) -> None:
    """Keep `configuration` for `key` in `path`."""
    text = json.dumps(pack(configuration))
    # Whatever is damaged in it would be found by whoever uses it, far from here.
    write_private(path, json.dumps({"key": key, "crc32": crc32(text.encode()), "configuration": text}))


def pack(value: Any) -> Any:
    """Return `value`, a part of a configuration, as JSON has it: each kind that JSON has not by its name."""
    if hasattr(value, "_fields"):
        return {type(value).__name__: {name: pack(part) for name, part in value._asdict().items()}}
    if isinstance(value, tuple):
        return {"tuple": [pack(item) for item in value]}
    if isinstance(value, Path):
        return {"path": str(value)}
    if isinstance(value, Mapping):
        # What is in it is YAML's own, and JSON has that too.
        return {"mapping": dict(value)}
    return value


def unpack(value: Any) -> Any:
    """Return the part of a configuration that `pack` has described; raise as Python does when it is none."""
    if not isinstance(value, dict):
        return value
    ((name, content),) = value.items()
    if name == "tuple":
        return tuple(map(unpack, content))
    if name in ("mapping", "path"):
        return KINDS[name](content)
    return KINDS[name](**{field: unpack(part) for field, part in content.items()})
