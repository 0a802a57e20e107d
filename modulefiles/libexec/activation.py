"""Print the shell code of `conda activate`, `deactivate` or `reactivate`.

Called by the function `conda` of each shell, with the installation's own interpreter, as

    python -ISB activation.py DIALECT OPTIONS COMMAND [ARGUMENT...]

or, from csh, with COMMAND and its arguments in STACKENV_ARGUMENT_1 and so on. DIALECT is sh, csh or
fish; OPTIONS a comma-separated list of `base` (the base's bin is on PATH while no environment is
active), `hide` (~/.local is out of sight while one is) and `hide-modules` (so is what modules bring on
PYTHONPATH), or `none`. Started without -S, it always asks conda.

A change of a file beside this one counts when activation.compiled has been deleted.
"""

import sys


def load(folder):
    """Import what compile_activation.py has compiled for this Python; return what it knew of conda, or None.

    Everything is in one file, for a thousand jobs may start at once on a parallel file system. Where it
    cannot be used the sources are imported, and conda is asked.
    """
    try:
        import marshal

        with open(folder + "/activation.compiled", "rb") as stream:
            version, _, content = stream.read().partition(b"\n")
        if version != ("%s %x" % (sys.implementation.cache_tag, sys.hexversion)).encode():
            return None
        built, modules = marshal.loads(content)
    except (OSError, ValueError, EOFError, TypeError):
        return None
    for name, code in modules:
        module = sys.modules[name] = type(sys)(name)
        module.__file__ = folder + "/" + name + ".py"
        exec(code, module.__dict__)
    return built


# conda's probe of virtual packages starts this file again (multiprocessing, spawn).
if __name__ == "__main__":
    here = __file__.rpartition("/")[0] or "."
    known = load(here)
    if known is None:
        sys.path.insert(0, here)
    from stackenv_activation_code import main

    main(known)
    if "conda" not in sys.modules:
        import os

        # To take the interpreter apart would take as long as the answer.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
