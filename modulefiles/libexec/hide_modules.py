"""Find the packages of loaded modules on PYTHONPATH and EBPYTHONPREFIXES, and hide them from a Python.

A conda environment is independent of modules: a module's numpy, which was built for another Python but comes
first on the path, breaks every program that imports it. An entry is hidden if it is below the root of a
loaded module (EasyBuild sets EBROOT...) or below a folder that the site names. All other entries are the
user's and stay.

Imported by activation.py of the conda module, and, in an environment that has a personal module, by a .pth
file at each start of its Python, which also covers modules that are loaded later. It runs with any Python
that an environment may have, including 2.7.
"""

# 5f0c7d2e-8a5b-4c36-9d0e-3b1f6a7c2e94

import os
import sys

SITE_ROOTS = __SITE_ROOTS__
HIDDEN = __HIDDEN__

VARIABLES = ("PYTHONPATH", "EBPYTHONPREFIXES")


def list_module_roots(environ):
    """Return the roots of the loaded modules, as EasyBuild's modules set them."""
    return [root for name, root in environ.items() if name.startswith("EBROOT") and root.strip("/")]


def list_site_roots():
    """Return the folders from the site configuration below which everything belongs to the site."""
    return [root for root in SITE_ROOTS.split(":") if root]


def is_within(path, folder):
    """Return whether `path` is `folder` or below it."""
    folder = folder.rstrip("/")
    return bool(folder) and (path.rstrip("/") + "/").startswith(folder + "/")


def is_of_modules(entry, environ):
    """Return whether `entry`, from one of VARIABLES, belongs to a module."""
    return any(is_within(entry, root) for root in list_module_roots(environ) + list_site_roots())


def hide():
    """Remove the modules' entries of PYTHONPATH from sys.path of this process; children inherit it."""
    try:
        if HIDDEN != "yes" or sys.flags.ignore_environment:
            return
        named = [os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(":") if entry]
        foreign = [e for e in named if is_of_modules(e, os.environ) and not is_within(e, sys.prefix)]
        sys.path[:] = [entry for entry in sys.path if entry not in foreign]
    except Exception as error:
        # An error here must not keep the interpreter from starting.
        if sys.stderr:
            sys.stderr.write("stackenv: cannot hide the packages of modules: " + repr(error) + "\n")
