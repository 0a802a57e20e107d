"""Write what this Python's conda makes of condarc files to the file that the first argument names.

The second's file lists them, as JSON: whole, the text of a condarc, and keys, the text of each of its keys
alone. Written as JSON: version, of conda; known, its keys and their aliases; faults, pairs of a key and
conda's words. Each is the only file that conda reads: what the host's others hold does not matter.

`reset_context` and `validate_all` are what `conda config --validate` uses, the same in conda 4.10, 22.9,
24.7 and its main branch of 2026 (conda/base/context.py, conda/common/configuration.py).
"""

import importlib
import json
import os
import re
import sys


def find_faults(base, path, keys):
    """Return pairs of a key and conda's words; the key is empty where conda names none.

    For a value of a kind that it does not foresee, conda's own code fails with any other exception.
    """
    try:
        context = base.reset_context([path])
        context.validate_all()
        for key in keys:
            # As `conda config --show` does it.
            getattr(context, key.replace("-", "_"), None)
    except Exception as error:
        errors = getattr(error, "errors", None) or [error]
        named = [(getattr(one, "parameter_name", None) or "", one) for one in errors]
        return [
            [name_as_written(base, name, keys), describe(one) if name else describe_crash(one)]
            for name, one in named
        ]
    return []


def name_as_written(base, name, keys):
    """Return which of `keys` sets the parameter `name` of conda, which has aliases."""
    names = getattr(type(base.context).__dict__.get(name), "names", ())
    return next((key for key in keys if key in names), name.lstrip("_"))


def describe(error):
    """Return conda's words."""
    return re.sub(r"declared in \S+ ", "", " ".join(str(error).split()))


def describe_crash(error):
    return "conda fails on this value (%s: %s)" % (type(error).__name__, describe(error))


def list_known(base):
    """Return the keys that this conda reads from a condarc, aliases included."""
    kind = type(base.context)
    known = {"plugins"} if hasattr(kind, "plugins") else set()
    for name in kind.parameter_names:
        known.update(kind.__dict__[name].names)
    return sorted(name for name in known if not name.startswith("_"))


def write(number, text):
    """Write `text` to a file of its own, for conda reads a path once; return its path."""
    path = os.path.abspath("%d.yml" % number)
    with open(path, "w") as stream:
        stream.write(text)
    return path


def probe(asked):
    """Return what conda makes of the texts of `asked`."""
    base = importlib.import_module("conda.base.context")
    keys = asked["keys"]
    broken = find_faults(base, write(0, "offline: false\n"), [])
    if broken:
        raise RuntimeError("conda rejects `offline: false` too: %s" % broken[0][1])
    faults = find_faults(base, write(1, asked["whole"]), keys)
    if any(not name for name, _ in faults):
        # Its code fails: the key alone shows at which.
        alone = [(key, find_faults(base, write(n, keys[key]), [key])) for n, key in enumerate(keys, 2)]
        faults = [[name or key, words] for key, found in alone for name, words in found] or faults
    return {"version": base.CONDA_VERSION, "known": list_known(base), "faults": faults}


if __name__ == "__main__":
    # The script's own folder is first; nothing is imported from it.
    del sys.path[0]
    with open(sys.argv[2]) as stream:
        answer = probe(json.load(stream))
    with open(sys.argv[1], "w") as stream:
        json.dump(answer, stream)
