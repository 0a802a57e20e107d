"""Check condarc texts with this Python's conda. Usage: probe_condarc.py OUTPUT INPUT.

INPUT is JSON: `whole`, the text of a condarc, and `keys`, the text of each of its keys alone. OUTPUT is
JSON: `version`, that of conda; `known`, its keys and their aliases; `faults`, pairs of a key and conda's
message. conda reads one text at a time and nothing else, so the host's other condarc files do not matter.

`reset_context` and `validate_all` are what `conda config --validate` uses, the same in conda 4.10, 22.9,
24.7 and its main branch of 2026 (conda/base/context.py, conda/common/configuration.py).
"""

import importlib
import json
import os
import re
import sys


def find_faults(base, path, keys):
    """Return pairs of a key and conda's message; the key is empty if conda names none.

    On a value of an unexpected type, conda's own code can fail with any exception.
    """
    try:
        context = base.reset_context([path])
        context.validate_all()
        for key in keys:
            # As `conda config --show` does.
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
    """Return which of `keys` sets conda's parameter `name`, which may have aliases."""
    names = getattr(type(base.context).__dict__.get(name), "names", ())
    return next((key for key in keys if key in names), name.lstrip("_"))


def describe(error):
    """Return conda's message, without the file that it names."""
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
    """Write `text` to a file of its own, because conda reads each path only once; return its path."""
    path = os.path.abspath("%d.yml" % number)
    with open(path, "w") as stream:
        stream.write(text)
    return path


def probe(asked):
    """Return what conda says about the texts in `asked`."""
    base = importlib.import_module("conda.base.context")
    keys = asked["keys"]
    broken = find_faults(base, write(0, "offline: false\n"), [])
    if broken:
        raise RuntimeError("conda rejects `offline: false` too: %s" % broken[0][1])
    faults = find_faults(base, write(1, asked["whole"]), keys)
    if any(not name for name, _ in faults):
        # conda's code fails: checking each key alone shows at which one.
        alone = [(key, find_faults(base, write(n, keys[key]), [key])) for n, key in enumerate(keys, 2)]
        faults = [[name or key, words] for key, found in alone for name, words in found] or faults
    return {"version": base.CONDA_VERSION, "known": list_known(base), "faults": faults}


if __name__ == "__main__":
    # The first entry is the script's own folder, from which nothing may be imported.
    del sys.path[0]
    with open(sys.argv[2]) as stream:
        answer = probe(json.load(stream))
    with open(sys.argv[1], "w") as stream:
        json.dump(answer, stream)
