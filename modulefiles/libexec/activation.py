"""Print the shell code of `conda activate`, `deactivate` or `reactivate`.

Called by the function `conda` of each shell, with the installation's own interpreter, as

    python -ISB activation.py DIALECT OPTIONS COMMAND [ARGUMENT...]

or, from csh, with COMMAND and its arguments in STACKENV_ARGUMENT_1 and so on. DIALECT is sh, csh or
fish; OPTIONS is a comma-separated list of `base` (the base's bin is on PATH while no environment is
active), `hide` (~/.local is hidden while one is active), `hide-modules` (so are the modules' packages on
PYTHONPATH) and `mamba` (the arguments are in mamba's form), or it is `none`. Started without -S, it always
asks conda.

Changes to the files beside this one take effect once activation.compiled has been deleted. The hook writes
this file after the others, and then replaces activation.compiled: until then, users have the complete old
one.
"""

import sys

# Increase this when this file can no longer read what an older compile_activation.py wrote.
FORM = "2"


def describe(content):
    """Return the first line of activation.compiled, which is followed by `content`.

    It names the form of these files and the Python that they are for, and has a checksum, the one of .pyc
    files, because marshal and the interpreter do not check their input.
    """
    import _imp

    checksum = _imp.source_hash(0, content).hex()
    return ("%s %s %x %s" % (FORM, sys.implementation.cache_tag, sys.hexversion, checksum)).encode()


def load(folder):
    """Import what compile_activation.py compiled for this Python; return its notes about conda, or None.

    Everything is in one file, because a thousand jobs may start at once on a parallel file system. If the
    file cannot be used, the sources are imported and conda is asked.
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


# The guard is needed: conda's probe of virtual packages imports this file again (multiprocessing, spawn).
if __name__ == "__main__":
    here = __file__.rpartition("/")[0] or "."
    known = load(here)
    if known is None:
        sys.path.insert(0, here)
    from stackenv_activation_code import main

    main(known)
    if "conda" not in sys.modules:
        import os

        # Shutting the interpreter down normally would take as long as the answer did.
        for stream in (sys.stdout, sys.stderr):
            # A closed stream (`2>&-`) is None.
            if stream:
                stream.flush()
        os._exit(0)
