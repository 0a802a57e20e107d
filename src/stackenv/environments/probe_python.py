"""Write a description of this Python and of the packages that it finds to the file in the first argument.

It is JSON: version, executable (real path), prefix, base_prefix; venv, ensurepip and pip (whether each can
be imported); packages (name, version, location). Packages are in the order in which Python searches their
folders, and within a folder by name, because file systems list folders in different orders.
"""

import importlib.util
import json
import os
import re
import sys


def list_packages():
    try:
        from importlib import metadata
    except ImportError:  # Python 3.7 and older
        return []
    found, seen = [], set()
    for entry in sys.path:
        if not os.path.isdir(entry):
            continue
        here = []
        for distribution in metadata.distributions(path=[entry]):
            place = str(getattr(distribution, "_path", ""))
            try:
                require_plain(place)
                name, version = distribution.metadata["Name"], distribution.version
            except (OSError, UnicodeDecodeError, KeyError):
                # Some old packages have an author's name in Latin-1; the folder is called NAME-VERSION.
                words = os.path.basename(place).split("-")
                name, version = words[0], words[1] if words[1:] else ""
                version = re.sub(r"\.(dist|egg)$", "", version)
            key = (name or "").lower().replace("_", "-").replace(".", "-")
            if not name or not version or key in seen:
                continue
            seen.add(key)
            location = os.path.realpath(str(distribution.locate_file("")))
            here.append((key, {"name": name, "version": version, "location": location}))
        found += [package for _, package in sorted(here, key=lambda pair: pair[0])]
    return found


def require_plain(place):
    """Raise OSError if the metadata at `place` are not a regular file: reading a named pipe would block."""
    # importlib.metadata tries these paths in this order; it handles missing ones, as in a zip file, itself.
    for path in (place + "/METADATA", place + "/PKG-INFO", place):
        if os.path.exists(path):
            if not os.path.isfile(path) and not os.path.isdir(path):
                raise OSError("not a regular file: " + path)
            return


def is_found(name):
    """Return whether `name` can be imported and contains code: a folder of that name may have none."""
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.origin not in (None, "namespace")


# The environment never imports from this script's own folder. With PYTHONSAFEPATH, it is left out already.
own = os.path.dirname(os.path.abspath(__file__))
sys.path = [entry for entry in sys.path if entry and os.path.abspath(entry) != own]
answer = {
    "version": "%d.%d.%d" % sys.version_info[:3],
    "executable": os.path.realpath(sys.executable),
    "prefix": os.path.realpath(sys.prefix),
    "base_prefix": os.path.realpath(sys.base_prefix),
    "venv": is_found("venv"),
    "ensurepip": is_found("ensurepip"),
    "pip": is_found("pip"),
    "packages": list_packages(),
}
with open(sys.argv[1], "w", encoding="utf-8") as stream:
    json.dump(answer, stream)
