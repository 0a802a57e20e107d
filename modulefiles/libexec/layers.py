"""Order the packages of this environment: its own first, then the modules', then the base Python's.

Imported by two .pth files of the environment's site-packages, at each start of its interpreter: by
the first, so that the code of other .pth files finds the right packages, and by the last, since the
folders that they add belong to the environment as well. Without this, PYTHONPATH, by which most
modules bring their packages, wins over everything (easybuild-easyblocks #2887).

At this moment of the start the environment's site-packages are on sys.path, those of the user and of
the base Python are not yet (`main` in the standard library's site.py).
"""

import os
import sys

NAME = __NAME__
CURE = __CURE__
MODULES = __MODULES__
CONSTRAINTS = __CONSTRAINTS__
USER_SITE = __USER_SITE__


def order_packages():
    """Move what the modules bring behind the environment's own packages."""
    if not sys.flags.ignore_environment:
        named = [os.path.abspath(e) for e in os.environ.get("PYTHONPATH", "").split(os.pathsep) if e]
        # pip's isolated builds come by PYTHONPATH too, and must win over the environment.
        behind = [e for e in sys.path if e in named and "pip-build-env-" not in e]
        if behind:
            sys.path[:] = [e for e in sys.path if e not in behind] + behind
    prefixes = os.environ.get("EBPYTHONPREFIXES", "")
    if prefixes:
        # EasyBuild's sitecustomize does this, but is not found in every environment: from 5.0 on it
        # lies in the base Python's site-packages.
        import site

        for prefix in prefixes.split(os.pathsep):
            folder = os.path.join(prefix, "lib", "python%d.%d" % sys.version_info[:2], "site-packages")
            if prefix and folder not in sys.path and os.path.isdir(folder):
                site.addsitedir(folder)


def hide_user_site():
    """Keep ~/.local from this interpreter alone; an exported PYTHONNOUSERSITE would reach others."""
    import site

    if site.ENABLE_USER_SITE is None:
        site.ENABLE_USER_SITE = False


def read_command():
    """Return the words of this process' command line; sys.argv does not exist yet."""
    if hasattr(sys, "orig_argv"):
        return sys.orig_argv
    try:
        with open("/proc/self/cmdline", "rb") as stream:
            return os.fsdecode(stream.read()).split("\0")
    except OSError:
        return []


def constrain_pip():
    """Have pip obey the constraints, beside the user's own, and never where it prepares a build.

    A build has requirements of its own: a newer setuptools, another numpy. Up to pip 25.2 the pip
    that installs those obeys PIP_CONSTRAINT and pip.conf (pip #13283); it is known by its target.
    """
    words = read_command()
    own = os.environ.get("PIP_CONSTRAINT", "").split()
    if any("pip-build-env-" in word for word in words):
        others = [entry for entry in own if entry != CONSTRAINTS]
        os.environ["PIP_CONSTRAINT"] = " ".join(others) or os.devnull
    elif own and CONSTRAINTS not in own and is_pip(words):
        # What the user sets takes the place of pip.conf's.
        os.environ["PIP_CONSTRAINT"] = " ".join([CONSTRAINTS] + own)


def is_pip(words):
    """Tell whether the command line `words` starts pip."""
    for before, word in zip(words, words[1:]):
        if before == "-m" or not word.startswith("-"):
            return os.path.basename(word).startswith("pip")
    return False


def tell_what_differs():
    """Say on stderr, once for a process and its children, that the modules are not the recorded ones."""
    loaded = os.environ.get("LOADEDMODULES", "").split(":")
    missing = [module for module in MODULES.split() if module not in loaded]
    if not missing or os.environ.get("STACKENV_TOLD") == NAME or sys.stderr is None:
        return
    os.environ["STACKENV_TOLD"] = NAME
    found = []
    for module in missing:
        name = module.rpartition("/")[0]
        other = [m for m in loaded if name and m.rpartition("/")[0] == name]
        found.append(module + (" (loaded: " + other[0] + ")" if other else " (not loaded)"))
    sys.stderr.write(
        "stackenv: the environment " + NAME + " was made on " + ", ".join(found) + "; type: " + CURE + "\n"
    )


def start():
    """Do all of it; a fault here must not keep the interpreter from starting."""
    try:
        order_packages()
        if USER_SITE == "hide":
            hide_user_site()
        if CONSTRAINTS:
            constrain_pip()
        tell_what_differs()
    except Exception as error:
        sys.stderr.write("stackenv: the packages of " + NAME + " are not in order: " + repr(error) + "\n")


start()
