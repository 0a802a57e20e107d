"""Print the shell code of `conda activate`, `deactivate` or `reactivate`.

Called by the function `conda` of each shell, with the installation's own interpreter, as

    python -ISB activation.py DIALECT OPTIONS COMMAND [ARGUMENT...]

or, from csh, with COMMAND and its arguments in STACKENV_ARGUMENT_1 and so on. DIALECT is sh, csh or
fish; OPTIONS a comma-separated list of `base` (the base's bin is on PATH while no environment is
active), `hide` (~/.local is out of sight while one is), `hide-modules` (so is what modules bring on
PYTHONPATH) and `mamba` (the words are as mamba takes them), or `none`. Started without -S, it always asks
conda.

A change of a file beside this one counts when activation.compiled has been deleted. The hook writes this
one after the others, and then replaces activation.compiled: until then users have the old one whole.
"""

import sys

# Changed when this file and what compile_activation.py writes no longer fit each other.
FORM = "2"


def describe(content):
    """Return the first line of activation.compiled, which has `content` behind it.

    It says for which form of these files and which Python that is, and has a checksum, the one of .pyc files:
    marshal and the interpreter believe what they are given.
    """
    import _imp

    checksum = _imp.source_hash(0, content).hex()
    return ("%s %s %x %s" % (FORM, sys.implementation.cache_tag, sys.hexversion, checksum)).encode()


def load(folder):
    """Import what compile_activation.py has compiled for this Python; return what it knew of conda, or None.

    Everything is in one file, for a thousand jobs may start at once on a parallel file system. Where it
    cannot be used the sources are imported, and conda is asked.
    """
    names = []
    try:
        import marshal

        with open(folder + "/activation.compiled", "rb") as stream:
            first, _, content = stream.read().partition(b"\n")
        if first != describe(content):
            return None
        built, modules = marshal.loads(content)
        for name, code in modules:
            names.append(name)
            module = sys.modules[name] = type(sys)(name)
            module.__file__ = folder + "/" + name + ".py"
            exec(code, module.__dict__)
    except Exception:
        for name in names:
            del sys.modules[name]
        return None
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
        for stream in (sys.stdout, sys.stderr):
            # None where it is closed (`2>&-`).
            if stream:
                stream.flush()
        os._exit(0)
