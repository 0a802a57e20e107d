"""Order the packages of this environment: its own first, then the modules', then the base Python's.

Imported by two .pth files of the environment's site-packages, at each start of its interpreter: by the first,
so that the code of other .pth files finds the right packages, and by the last, because the folders that they
add belong to the environment too. Without this, PYTHONPATH, with which most modules add their packages, takes
precedence over everything (easybuild-easyblocks #2887).

At this point of the start, the environment's site-packages are on sys.path, but not yet those of the user and
of the base Python (`main` in the standard library's site.py).
"""

import os
import sys

NAME = __NAME__
HINT = __HINT__
MODULES = __MODULES__
CONSTRAINTS = __CONSTRAINTS__
USER_SITE = __USER_SITE__
CARRIES = __CARRIES__
REFRESH = "stackenv edit " + NAME + " --refresh"

# Options, in the shortest form that optparse accepts, that make pip install elsewhere, and their variables.
ELSEWHERE = (
    ("--target", "--ta", "PIP_TARGET"),
    ("--prefix", "--prefi", "PIP_PREFIX"),
    ("--root", "--root", "PIP_ROOT"),
)
# Options of `pip install` whose values may look like one of those options.
PASSED_ON = ("--global-option", "--install-option", "--build-option", "--config-settings", "-C")
# pip's options with a value that may come before its command (pip._internal.cli.cmdoptions, general_group).
WITH_VALUE = (
    *("--log", "--log-file", "--local-log", "--keyring-provider", "--proxy", "--retries", "--timeout"),
    *("--default-timeout", "--exists-action", "--trusted-host", "--cert", "--client-cert", "--cache-dir"),
    *("--use-feature", "--use-deprecated", "--resume-retries"),
)
HELD = []
ISOLATED_BUILD = "pip-build-env-"
IN_HOOKS = ("_PYPROJECT_HOOKS_BUILD_BACKEND", "PEP517_BUILD_BACKEND")
# Set by this environment's pip for the processes that it starts: its process ID, and its environment.
OUTER_PIP = "STACKENV_OUTER_PIP"
FINDERS_BEFORE = list(sys.meta_path)
# Entries of sys.path that come from EBPYTHONPREFIXES, and all that belong after the environment's own.
ADDED, BEHIND = [], []
# What carry.py adds for modules that are not loaded: entries of those two variables, and those entries of the
# first that are not in an installation of EasyBuild.
CARRIED = {"python_path": [], "prefixes": [], "sources": []}
# Set if carry.py has restarted this Python, and by the script that replaces a Python that does not start
# without modules: the process ID and the name.
RESTARTED, STARTED = "STACKENV_RESTARTED", "STACKENV_STARTED"
# Values of STACKENV_CARRY.
OFF = ("0", "no", "false", "off")
# The variables that number the tasks of a job step or of mpirun: Slurm, MPICH, PMIx and Open MPI.
NUMBERS = ("SLURM_PROCID", "PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK")


def order_packages():
    """Move the modules' packages after the environment's own."""
    named = [] if sys.flags.ignore_environment else os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if any(ISOLATED_BUILD in entry for entry in named):
        # pip has put the requirements of a build there, and the build must see nothing else.
        return
    brought = [] if sys.flags.ignore_environment else list(map(os.path.abspath, CARRIED["python_path"]))
    sys.path.extend(entry for entry in brought if entry not in sys.path)
    add_prefixes()
    named = [os.path.abspath(entry) for entry in named if entry]
    # Without loaded modules, there is no EBROOT variable to identify installations by.
    sources = list(map(os.path.abspath, CARRIED["sources"]))
    own = [entry for entry in brought if entry in sources and is_users(entry)]
    brought = [entry for entry in brought if entry not in own]
    sys.path[:] = own + [entry for entry in sys.path if entry not in own]
    BEHIND[:] = ADDED + brought + [entry for entry in named if not is_users(entry) and entry not in own]
    # As after a load, put them before the other entries of the variable, such as those of other modules.
    moved = brought + [entry for entry in sys.path if entry in BEHIND and entry not in brought]
    if moved:
        sys.path[:] = [entry for entry in sys.path if entry not in BEHIND] + moved


def add_prefixes():
    """Add the packages of EBPYTHONPREFIXES.

    EasyBuild's sitecustomize does this, but not every environment finds it: from EasyBuild 5.0 on, it is in
    the base Python's site-packages.
    """
    prefixes = os.environ.get("EBPYTHONPREFIXES", "").split(os.pathsep)
    for prefix in filter(None, CARRIED["prefixes"] + prefixes):
        folder = os.path.join(prefix, "lib", "python%d.%d" % sys.version_info[:2], "site-packages")
        folder = os.path.abspath(folder)
        if folder not in sys.path and os.path.isdir(folder):
            import site

            before = list(sys.path)
            site.addsitedir(folder)
            ADDED.extend(entry for entry in sys.path if entry not in before)


def is_users(entry):
    """Return whether `entry` of PYTHONPATH is the user's own source code, which comes first, as in any venv.

    Folders in the home or in the working directory count as such, unless packages were installed there.
    """
    if is_within(entry, sys.prefix):
        return True
    if os.path.basename(entry) in ("site-packages", "dist-packages"):
        return False
    if any(is_within(entry, root) for name, root in os.environ.items() if name.startswith("EBROOT")):
        return False
    try:
        here = os.getcwd()
    except OSError:
        here = ""
    return is_within(entry, os.environ.get("HOME", "")) or is_within(entry, here)


def is_within(path, folder):
    """Return whether `path` is `folder` or below it."""
    folder = folder.rstrip(os.sep)
    return bool(folder) and (path + os.sep).startswith(folder + os.sep)


class EditablePackages:
    """Find the environment's editable packages before the modules' packages of the same name.

    setuptools gives many of them a finder of their own, and puts it after the search of sys.path.
    """

    def __init__(self, finders, path_finder, last):
        self.finders = finders
        self.path_finder = path_finder
        self.last = last

    def find_spec(self, fullname, path=None, target=None):
        """Return the spec of a top-level package; entries of sys.path before the modules' take precedence."""
        if path is not None:
            return None
        for finder in self.finders:
            spec = finder.find_spec(fullname, path, target)
            if spec is not None and self.last in sys.path:
                front = sys.path[: sys.path.index(self.last) + 1]
                return self.path_finder.find_spec(fullname, front, target) or spec
        return None


def prefer_editables():
    """Put the finders that the environment's other .pth files have added before the modules' packages."""
    names = [getattr(finder, "__name__", "") for finder in sys.meta_path]
    # site.py reads the .pth files of a plain venv twice.
    if "PathFinder" not in names or any(isinstance(f, EditablePackages) for f in sys.meta_path):
        return
    place = names.index("PathFinder")
    added = [f for f in sys.meta_path[place + 1 :] if f not in FINDERS_BEFORE and hasattr(f, "find_spec")]
    if added:
        last = [entry for entry in sys.path if entry not in BEHIND][-1]
        sys.meta_path.insert(place, EditablePackages(added, sys.meta_path[place], last))


def name_base():
    """Make `venv` create links to the real Python, not to the script that starts it (start_python).

    From 3.11 on, Python takes the target of that link for its base.
    """
    folder = os.path.dirname(getattr(sys, "_base_executable", "") or "")
    # Normally this is the folder of the base Python, which site.py has read from pyvenv.cfg.
    if sys.version_info < (3, 11) or sys.prefix == sys.base_prefix or folder == getattr(sys, "_home", ""):
        return
    try:
        if os.path.samefile(folder, os.path.join(sys.prefix, "bin")):
            sys._base_executable = os.readlink("/proc/self/exe")
    except OSError:
        pass


def hide_user_site():
    """Hide ~/.local from this interpreter only; an exported PYTHONNOUSERSITE would affect others too."""
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
    """Make this environment's pip, but nothing that it starts, obey the constraints and the user's own.

    A build has its own requirements: a newer setuptools, another numpy. Up to pip 25.2, the pip that installs
    these obeys PIP_CONSTRAINT and pip.conf (pip #13283).
    """
    words = read_command()
    pip = is_pip(words)
    # This environment does not see ~/.local: packages that pip installs there would not be found.
    if pip and USER_SITE == "hide":
        refuse_user_install(split_command(words)[1])
        os.environ["PIP_USER"] = "0"
    if not CONSTRAINTS:
        return
    before = os.environ.get("PIP_CONSTRAINT", "").split()
    # stackenv 0.1 set them as file:/path for the whole shell; not needed after 0.3.
    ours = (CONSTRAINTS, CONSTRAINTS.replace("///", "/", 1))
    after = [entry for entry in before if entry not in ours]
    if pip and (is_for_build(words) or is_elsewhere(words)):
        # Without a value, the one in pip.conf would apply.
        after = after or [os.devnull]
    elif pip:
        # Always add them, because a value set by the user replaces the one in pip.conf.
        after.insert(0, CONSTRAINTS)
    if pip and not is_below_pip():
        os.environ[OUTER_PIP] = "%d:%s" % (os.getpid(), sys.prefix)
    if not after:
        os.environ.pop("PIP_CONSTRAINT", None)
    elif after != before:
        os.environ["PIP_CONSTRAINT"] = " ".join(after)


def refuse_user_install(words):
    """Refuse `pip install --user`: this environment does not import packages from ~/.local.

    pip itself refuses it only in a venv without the packages of its base Python.
    """
    options = (word for before, word in zip(words, words[1:]) if before not in PASSED_ON)
    if find_command(words) == "install" and "--user" in options:
        tell(
            "pip install --user was not run: it installs into ~/.local, and "
            + (NAME + " does not import packages from there; hint: leave out --user")
        )
        os._exit(1)


def is_for_build(words):
    """Return whether the pip of this command line prepares a build, or was started by one.

    If the parent is a pip of this environment, its variable shows it. For a pip of another Python, its target
    does. Below the hook of a build, the search path does, or, if the build is not isolated, the variables of
    the program that calls the hook (pyproject_hooks, and formerly pep517).
    """
    places = words + [os.environ.get("PYTHONPATH", "")]
    in_build = any(ISOLATED_BUILD in place for place in places) or any(
        name in os.environ for name in IN_HOOKS
    )
    return in_build or is_below_pip()


def is_below_pip():
    """Return whether another pip of this environment has started this one."""
    process, _, prefix = os.environ.get(OUTER_PIP, "").partition(":")
    return prefix == sys.prefix and process != str(os.getpid())


def is_elsewhere(words):
    """Return whether the pip of this command line installs into a folder outside of this environment."""
    found = {option: os.environ.get(variable, "") for option, _, variable in ELSEWHERE}
    rest = iter(split_command(words)[1])
    for word in rest:
        if word == "--":
            break
        name, equals, value = word.partition("=")
        # Short options without a value may come before another in one word.
        short = word[1:].lstrip("IUqvhV") if word.startswith("-") else ""
        if word in PASSED_ON:
            next(rest, "")
        elif short.startswith("t"):
            found["--target"] = short[1:] or next(rest, "")
        for option, shortest, _ in ELSEWHERE:
            if name.startswith(shortest) and option.startswith(name):
                found[option] = value if equals else next(rest, "")
    if found["--root"]:
        # pip appends the prefix to it.
        found["--root"] = found["--root"].rstrip(os.sep) + sys.prefix
    places = [os.path.realpath(os.path.expanduser(place)) for place in found.values() if place]
    return any(not is_within(place, os.path.realpath(sys.prefix)) for place in places)


def keep_image():
    """In a packed environment, keep a file of the image open, so that it is not unmounted while in use.

    A Python process does not keep any other file open there. pip is refused, because it would fail halfway.
    """
    packed = os.path.join(sys.prefix, "stackenv", "packed.txt")
    try:
        HELD.append(os.open(packed, os.O_RDONLY | os.O_CLOEXEC))
    except OSError:
        return
    words = read_command()
    if not is_pip(words):
        return
    elsewhere = "--dry-run" in words or is_elsewhere(words)
    if "uninstall" in words or ("install" in words and not elsewhere):
        hint = "; hint: first run: stackenv unpack " + NAME
        tell("pip was not run: " + NAME + " is packed and cannot be changed" + hint)
        os._exit(1)


def require_constraints():
    """Refuse pip if the file of constraints is missing: pip itself would report an error 404."""
    words = read_command()
    if not CONSTRAINTS or not {"install", "download", "wheel"} & set(words) or not is_pip(words):
        return
    from urllib.parse import unquote

    file = unquote(CONSTRAINTS[len("file://") :])
    if not os.path.isfile(file):
        tell(
            "pip was not run: " + file + " is missing, and without it pip could replace packages of the "
            "modules of " + NAME + "; hint: " + REFRESH
        )
        os._exit(1)


def is_pip(words):
    """Return whether the command line `words` starts a pip that works on this Python.

    With --python, pip starts another pip in that Python, which inherits its variables.
    """
    program, rest = split_command(words)
    name = os.path.basename(program)
    if name == "__main__.py":
        name = os.path.basename(os.path.dirname(program))
    versioned = name[:3] == "pip" and not name[3:].strip("0123456789.")
    # `pip --python`, and pip for a build, start pip as the first of these.
    named = versioned or name in ("__pip-runner__.py", "pip.pyz")
    if not named or "_PIP_RUNNING_IN_SUBPROCESS" in os.environ:
        return named
    return not has_python(rest) and not os.environ.get("PIP_PYTHON")


def has_python(words):
    """Return whether --python comes before pip's command; pip does not accept it after the command."""
    rest = iter(words)
    for word in rest:
        option, _, value = word.partition("=")
        if not option.startswith("-"):
            break
        # optparse accepts abbreviated options.
        if len(option) > 3 and "--python".startswith(option):
            return True
        if len(option) > 3 and not value and any(name.startswith(option) for name in WITH_VALUE):
            next(rest, "")
    return False


def find_command(words):
    """Return the pip command in `words` if it changes or builds packages; otherwise an empty text."""
    return next((w for w in words if w in ("install", "uninstall", "download", "wheel")), "")


def split_command(words):
    """Return the script, or the module of -m, that the Python command line `words` starts, and the rest.

    Both are empty if it starts none.
    """
    rest = iter(words[1:])
    for word in rest:
        if not word.startswith("-"):
            return word, list(rest)
        if word == "-":
            break
        if word == "--check-hash-based-pycs":
            next(rest, "")
        for place, letter in enumerate("" if word.startswith("--") else word):
            if letter in "cmWX":
                value = word[place + 1 :] or next(rest, "")
                if letter in "WX":
                    break
                if letter == "c":
                    return "", []
                return "pip" if value in ("pip.__main__", "pip._internal") else value, list(rest)
    return "", []


def attend_pip():
    """Handle what this environment's pip cannot: a pip that uninstalls itself, or that is missing."""
    words = read_command()
    if is_pip(words):
        import atexit

        refuse_stubs(split_command(words)[1])
        atexit.register(restore_pip if "uninstall" in words else tell_no_pip)


def refuse_stubs(words):
    """Refuse to uninstall a stub: pip would report success, but its package could still be imported."""
    if find_command(words) != "uninstall":
        return
    import re

    def read_name(text):
        return re.sub("[-_.]+", "-", re.match(r"\s*([\w.-]*)", text).group(1)).lower()

    named = [read_name(text) for text in list_uninstalled(words[words.index("uninstall") + 1 :])]
    for place in list_metadata_folders():
        entry, _, _ = os.path.basename(place).rpartition(".dist-info")
        name, _, version = entry.partition("-")
        name = read_name(name)
        if name in named and read_lines(os.path.join(place, "INSTALLER")) == ["stackenv"]:
            held = read_lines(os.path.join(sys.prefix, "stackenv", "constraints.txt"))
            modules = [
                line.partition("# from ")[2] for line in held if read_name(line.partition("==")[0]) == name
            ]
            tell(
                "pip uninstall was not run: %s %s comes with %s and is not installed in %s; hint: to install "
                "another version there, first run: stackenv edit %s --allow-shadow %s"
                % (name, version, "the module " + modules[0] if modules else "a module", NAME, NAME, name)
            )
            os._exit(1)


def list_metadata_folders():
    """Return the folders of packages' metadata in this environment; lib64 may differ from lib."""
    python = "python%d.%d" % sys.version_info[:2]
    places = [os.path.join(sys.prefix, library, python, "site-packages") for library in ("lib", "lib64")]
    entries = [os.path.join(p, entry) for p in places if os.path.isdir(p) for entry in sorted(os.listdir(p))]
    return [entry for entry in entries if entry.endswith(".dist-info")]


def list_uninstalled(words):
    """Yield the requirements that `pip uninstall` gets in `words`, including those in requirements files."""
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            yield word
            continue
        # Short options without a value may come before another in one word.
        short = "" if word.startswith("--") else word[1:].lstrip("yqvh")
        if short.startswith("r") or word.startswith("--req"):
            yield from list_required(short[1:] or word.partition("=")[2] or next(rest, ""))


def list_required(file, outer=()):
    """Yield the lines of the requirements file `file`, and of those that it names relative to its folder."""
    for line in read_lines(file):
        words = line.replace("--requirement=", "-r").replace("--requirement", "-r").split() + [""]
        if not words[0].startswith("-r"):
            yield line
        elif file not in outer:
            nested = os.path.join(os.path.dirname(file), words[0][2:] or words[1])
            yield from list_required(nested, outer + (file,))


def read_lines(file):
    """Return the lines of a regular file, or none: a pipe, for example, can be read only once."""
    if not os.path.isfile(file):
        return []
    with open(file, "rb") as stream:
        return os.fsdecode(stream.read()).splitlines()


def restore_pip():
    """After pip has uninstalled itself, restore the script in bin that runs the modules' pip."""
    import shutil

    kept = os.path.join(sys.prefix, "stackenv", "bin")
    for name in os.listdir(kept) if os.access(kept, os.R_OK) else []:
        program = os.path.join(sys.prefix, "bin", name)
        if os.path.lexists(program):
            continue
        draft = "%s.%d" % (program, os.getpid())
        try:
            shutil.copy(os.path.join(kept, name), draft)
            os.rename(draft, program)
        except OSError:
            # On a full disk, or in another user's environment, the `pip` that comes after bin runs.
            try:
                os.unlink(draft)
            except OSError:
                pass
    tell_no_pip()


def tell_no_pip():
    """Print a hint if there was no pip to run; Python itself has printed that there is none."""
    if "pip" not in sys.modules:
        tell(NAME + " has no pip, and neither do its modules; hint: python -m ensurepip")


def bring_modules():
    """Give this process what recorded modules would provide that are not loaded; return why it does not.

    If one of their libraries requires it, this Python restarts. The text is empty if there is nothing to
    report.
    """
    loaded = [module for module in os.environ.get("LOADEDMODULES", "").split(":") if module]
    missing = [module for module in MODULES.split() if module not in loaded]
    # A variable that a child has inherited has the ID of another process.
    own = "%d " % os.getpid()
    marks = [name for name in (RESTARTED, STARTED) if os.environ.get(name, "").startswith(own)]
    if marks:
        import _stackenv_carry as carry

        carry.restore(marks[0])
    if not missing:
        return describe_other_tree()
    if CARRIES != "yes" or os.environ.get("STACKENV_CARRY", "").lower() in OFF:
        return describe_missing(missing, loaded)
    import _stackenv_carry as carry

    try:
        carried = carry.read_carried(__file__, bool(HELD), loaded, RESTARTED in marks)
    except carry.NotCarriedError as error:
        return describe_refusal(error, carry, missing, loaded)
    why = carry.restart(carried, carry.find_prefix(__file__), bool(marks))
    for name, value in carried["variables"]:
        os.environ.setdefault(name, value)
    CARRIED.update(carried)
    return why and describe_without("their libraries are not found, because " + why, HINT)


def describe_other_tree():
    """Return a message if the loaded modules are from another software tree than this Python; else empty.

    A site may have a tree for each kind of CPU, with the same names in all of them. Then both Pythons have
    the same name but are in different folders.
    """
    root, own = os.environ.get("EBROOTPYTHON", "").rstrip("/"), sys.base_prefix
    if not root or root == own or root.split("/")[-2:] != own.split("/")[-2:]:
        return ""
    if not MODULES or os.path.realpath(root) == os.path.realpath(own):
        return ""
    loaded = "the loaded modules belong to the software tree of " + root
    return loaded + ", but the environment " + NAME + " uses " + own + "; hint: stackenv check " + NAME


def describe_refusal(error, carry, missing, loaded):
    """Return a message with the reason, from an `error` of the module `carry`, and a hint."""
    reason = str(error)
    if isinstance(error, carry.InTheWayError) or not reason:
        return describe_missing(missing, loaded, reason)
    if isinstance(error, carry.StaleError):
        return describe_without(reason, REFRESH, True)
    if isinstance(error, carry.MovedError):
        from shlex import quote

        return describe_without(reason, "stackenv adopt " + quote(carry.find_prefix(__file__)), True)
    if isinstance(error, carry.ReplacedError):
        return describe_without(reason, "stackenv info " + NAME)
    return describe_without(reason, "stackenv check " + NAME if isinstance(error, carry.GoneError) else HINT)


def describe_without(reason, hint, by_owner=False):
    """Return the message that the environment runs without its modules, with `reason` and `hint`."""
    owner = find_other_owner() if by_owner else ""
    asked = "ask its owner (" + owner + ") to run: " if owner else ""
    return "the environment " + NAME + " runs without its modules: " + reason + "; hint: " + asked + hint


def find_other_owner():
    """Return the name of the environment's owner; empty if this user can change it, or if it is unknown."""
    try:
        import _stackenv_carry as carry

        return carry.find_other_owner(__file__, bool(HELD))
    except Exception:
        return ""


def describe_missing(missing, loaded, in_the_way=""):
    """Return the message that recorded modules are not among the `loaded` ones; empty if none is missing.

    `in_the_way` is the loaded module that prevents their use.
    """
    found = []
    for module in missing:
        name = module.rpartition("/")[0]
        other = [m for m in loaded if name and m.rpartition("/")[0] == name]
        found.append(module + (" (loaded: " + other[0] + ")" if other else " (not loaded)"))
    needs = "the environment " + NAME + " needs " + ", ".join(found)
    # If another version is loaded, the message already names it.
    if in_the_way and "(loaded: " not in needs:
        needs += ", which it does not use while " + in_the_way + " is loaded"
    return needs + "; hint: " + HINT if found else ""


def tell_once(sentence):
    """Print `sentence`, if any, to stderr, once for a process and its children, only in the first task."""
    is_first = all(os.environ.get(number, "0") == "0" for number in NUMBERS)
    if sentence and is_first and os.environ.get("STACKENV_TOLD") != NAME:
        os.environ["STACKENV_TOLD"] = NAME
        tell(sentence)


def try_bringing_modules():
    """Call `bring_modules`; an error in it must not keep the packages from being put in order."""
    try:
        return bring_modules()
    except Exception as error:
        carry = os.path.join(os.path.dirname(__file__), "_stackenv_carry.py")
        is_there = os.path.exists(carry)
        return describe_without(repr(error) if is_there else carry + " is missing", REFRESH, True)


def start():
    """Do the work of the first .pth file; an error here must not keep the interpreter from starting."""
    try:
        keep_image()
        missing = try_bringing_modules()
        order_packages()
        name_base()
        if USER_SITE == "hide":
            hide_user_site()
        require_constraints()
        constrain_pip()
        attend_pip()
        tell_once(missing)
    except Exception as error:
        complain(error)


def finish():
    """Do the work of the last .pth file."""
    try:
        order_packages()
        prefer_editables()
    except Exception as error:
        complain(error)


def complain(error):
    """Report that something went wrong."""
    tell("the import order of " + NAME + " could not be set: " + repr(error))


def tell(sentence):
    """Print `sentence` to stderr, if it can be written."""
    try:
        # Bypass the buffer: if it cannot be flushed at the end, Python exits with status 120.
        os.write(sys.stderr.fileno(), os.fsencode("stackenv: " + sentence + "\n"))
    except (OSError, ValueError, AttributeError):
        pass


start()
