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
HINT = __HINT__
MODULES = __MODULES__
CONSTRAINTS = __CONSTRAINTS__
USER_SITE = __USER_SITE__
CARRIES = __CARRIES__
REFRESH = "stackenv edit " + NAME + " --refresh"

# What has pip install somewhere else: each option by its shortest form (optparse), and the variable.
ELSEWHERE = (
    ("--target", "--ta", "PIP_TARGET"),
    ("--prefix", "--prefi", "PIP_PREFIX"),
    ("--root", "--root", "PIP_ROOT"),
)
# Options of `pip install` whose value may look like one of those.
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
# Set by this environment's pip, for what it starts alone: which process, of which environment.
OUTER_PIP = "STACKENV_OUTER_PIP"
FINDERS_BEFORE = list(sys.meta_path)
# Entries of sys.path that came by EBPYTHONPREFIXES, and all that belong behind the environment's own.
ADDED, BEHIND = [], []
# What carry.py brings of modules that are not loaded: entries of those two variables, and which of the first
# are in no installation of EasyBuild.
CARRIED = {"python_path": [], "prefixes": [], "sources": []}
# Set where carry.py has started this Python again, and by the script that is in the place of a Python which
# does not start without modules: which process that is, and its name.
RESTARTED, STARTED = "STACKENV_RESTARTED", "STACKENV_STARTED"
# Values of STACKENV_CARRY.
OFF = ("0", "no", "false", "off")
# By which a task of a job step, or of mpirun, knows its number: of Slurm, MPICH, PMIx and Open MPI.
NUMBERS = ("SLURM_PROCID", "PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK")


def order_packages():
    """Move what the modules bring behind the environment's own packages."""
    named = [] if sys.flags.ignore_environment else os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if any(ISOLATED_BUILD in entry for entry in named):
        # pip has put there what the build asks for, and the build must see nothing else.
        return
    brought = [] if sys.flags.ignore_environment else list(map(os.path.abspath, CARRIED["python_path"]))
    sys.path.extend(entry for entry in brought if entry not in sys.path)
    add_prefixes()
    named = [os.path.abspath(entry) for entry in named if entry]
    # Where nothing is loaded no EBROOT tells what is installed.
    sources = list(map(os.path.abspath, CARRIED["sources"]))
    own = [entry for entry in brought if entry in sources and is_users(entry)]
    brought = [entry for entry in brought if entry not in own]
    sys.path[:] = own + [entry for entry in sys.path if entry not in own]
    BEHIND[:] = ADDED + brought + [entry for entry in named if not is_users(entry) and entry not in own]
    # A load puts them in front of what the variable has, as of other modules.
    moved = brought + [entry for entry in sys.path if entry in BEHIND and entry not in brought]
    if moved:
        sys.path[:] = [entry for entry in sys.path if entry not in BEHIND] + moved


def add_prefixes():
    """Add the packages of EBPYTHONPREFIXES.

    EasyBuild's sitecustomize does this, but is not found in every environment: from 5.0 on it lies in
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
    """Return whether `entry` of PYTHONPATH is the user's own source, which goes first as in any venv.

    What is in the home or where the user works is that, unless packages were installed there.
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
    """Finds the environment's editable packages before the modules' packages of the same name.

    setuptools gives many of them a finder of their own, and puts it behind the search of sys.path.
    """

    def __init__(self, finders, path_finder, last):
        self.finders = finders
        self.path_finder = path_finder
        self.last = last

    def find_spec(self, fullname, path=None, target=None):
        """Return the spec of a package at the top; what is in front of the modules' on sys.path wins."""
        if path is not None:
            return None
        for finder in self.finders:
            spec = finder.find_spec(fullname, path, target)
            if spec is not None and self.last in sys.path:
                front = sys.path[: sys.path.index(self.last) + 1]
                return self.path_finder.find_spec(fullname, front, target) or spec
        return None


def prefer_editables():
    """Let the finders that the environment's other .pth files have added come before the modules."""
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
    """Have `venv` make links to what the script in the place of a Python starts (start_python), not to that.

    From 3.11 on Python takes for its base what the link leads to.
    """
    folder = os.path.dirname(getattr(sys, "_base_executable", "") or "")
    # As a rule that of the base Python, which site.py has read in pyvenv.cfg.
    if sys.version_info < (3, 11) or sys.prefix == sys.base_prefix or folder == getattr(sys, "_home", ""):
        return
    try:
        if os.path.samefile(folder, os.path.join(sys.prefix, "bin")):
            sys._base_executable = os.readlink("/proc/self/exe")
    except OSError:
        pass


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
    """Have this environment's pip obey the constraints, beside the user's own, and nothing that it starts.

    A build has requirements of its own: a newer setuptools, another numpy. Up to pip 25.2 the pip
    that installs those obeys PIP_CONSTRAINT and pip.conf (pip #13283).
    """
    words = read_command()
    pip = is_pip(words)
    # ~/.local is not this environment's: what pip put there would not be found again.
    if pip and USER_SITE == "hide":
        os.environ["PIP_USER"] = "0"
        if "--user" in words:
            tell("pip install --user does not install into " + NAME + "; hint: leave out --user")
    if not CONSTRAINTS:
        return
    before = os.environ.get("PIP_CONSTRAINT", "").split()
    # stackenv 0.1 set them as file:/path for the whole shell; not needed after 0.3.
    ours = (CONSTRAINTS, CONSTRAINTS.replace("///", "/", 1))
    after = [entry for entry in before if entry not in ours]
    if pip and (is_for_build(words) or is_elsewhere(words)):
        # Without a value pip.conf's would hold.
        after = after or [os.devnull]
    elif pip:
        # Always: pip.conf's does not hold beside a value of the user's.
        after.insert(0, CONSTRAINTS)
    if pip and not is_below_pip():
        os.environ[OUTER_PIP] = "%d:%s" % (os.getpid(), sys.prefix)
    if not after:
        os.environ.pop("PIP_CONSTRAINT", None)
    elif after != before:
        os.environ["PIP_CONSTRAINT"] = " ".join(after)


def is_for_build(words):
    """Return whether the pip of this command line prepares a build, or was started by one.

    A pip of this environment above it says so. Where one of another Python is above: its target; below a
    build's hook the search path, or, where the build is not isolated, what calls the hook (pyproject_hooks,
    and pep517 before it).
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
        # pip puts the prefix behind it.
        found["--root"] = found["--root"].rstrip(os.sep) + sys.prefix
    places = [os.path.realpath(os.path.expanduser(place)) for place in found.values() if place]
    return any(not is_within(place, os.path.realpath(sys.prefix)) for place in places)


def keep_image():
    """In a packed environment, hold a file of the image: what is in use is not unmounted.

    A process of Python alone has nothing open there. pip is refused, which would fail in the midst.
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
    """Refuse pip where the file of the constraints is gone: pip itself shows a 404 for it."""
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

    With --python it starts another in that Python, which inherits its variables.
    """
    program, rest = split_command(words)
    name = os.path.basename(program)
    if name == "__main__.py":
        name = os.path.basename(os.path.dirname(program))
    versioned = name[:3] == "pip" and not name[3:].strip("0123456789.")
    # The first is how `pip --python`, and pip for a build, start pip.
    named = versioned or name in ("__pip-runner__.py", "pip.pyz")
    if not named or "_PIP_RUNNING_IN_SUBPROCESS" in os.environ:
        return named
    return not has_python(rest) and not os.environ.get("PIP_PYTHON")


def has_python(words):
    """Return whether --python is in front of pip's command; behind it pip takes none."""
    rest = iter(words)
    for word in rest:
        option, _, value = word.partition("=")
        if not option.startswith("-"):
            break
        # optparse takes what an option begins with for the option.
        if len(option) > 3 and "--python".startswith(option):
            return True
        if len(option) > 3 and not value and any(name.startswith(option) for name in WITH_VALUE):
            next(rest, "")
    return False


def split_command(words):
    """Return the script, or the module of -m, that the command line `words` of Python starts, and the rest.

    Both are empty where it starts none.
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
    """See to what this environment's pip leaves behind: one that goes, or one that is not there."""
    words = read_command()
    if is_pip(words):
        import atexit

        refuse_stubs(split_command(words)[1])
        atexit.register(restore_pip if "uninstall" in words else tell_no_pip)


def refuse_stubs(words):
    """Refuse to uninstall a stub: its package would be imported still, after pip has said that it is gone."""
    commands = [word for word in words if word in ("install", "uninstall", "download", "wheel")]
    if commands[:1] != ["uninstall"]:
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
    """Return the folders of packages' metadata in this environment; lib64 may be another folder than lib."""
    python = "python%d.%d" % sys.version_info[:2]
    places = [os.path.join(sys.prefix, library, python, "site-packages") for library in ("lib", "lib64")]
    entries = [os.path.join(p, entry) for p in places if os.path.isdir(p) for entry in sorted(os.listdir(p))]
    return [entry for entry in entries if entry.endswith(".dist-info")]


def list_uninstalled(words):
    """Yield what `pip uninstall` is given with `words`: requirements, and the lines of files of them."""
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
    """Yield the lines of the requirements in `file`, and in those that it names, relative to its folder."""
    for line in read_lines(file):
        words = line.replace("--requirement=", "-r").replace("--requirement", "-r").split() + [""]
        if not words[0].startswith("-r"):
            yield line
        elif file not in outer:
            nested = os.path.join(os.path.dirname(file), words[0][2:] or words[1])
            yield from list_required(nested, outer + (file,))


def read_lines(file):
    """Return the lines of `file`; none where it is not there, or no file: a pipe can be read once only."""
    if not os.path.isfile(file):
        return []
    with open(file, "rb") as stream:
        return os.fsdecode(stream.read()).splitlines()


def restore_pip():
    """After pip has taken itself away, have `pip` in bin be that of the modules again."""
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
            # Another's environment, or a full disk: the one behind bin runs.
            try:
                os.unlink(draft)
            except OSError:
                pass
    tell_no_pip()


def tell_no_pip():
    """Say what to type where there was no pip to run; Python says before that there is none."""
    if "pip" not in sys.modules:
        tell(NAME + " has no pip, and neither do its modules; hint: python -m ensurepip")


def bring_modules():
    """Bring to this process what recorded modules that are not loaded would; return why it is not brought.

    Where a library of theirs needs it, this Python starts again. Empty where there is nothing to say.
    """
    loaded = [module for module in os.environ.get("LOADEDMODULES", "").split(":") if module]
    missing = [module for module in MODULES.split() if module not in loaded]
    # One that a child has inherited is of another process.
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
    """Return that the loaded modules are of another software tree than this Python; empty if they are not.

    A site may have several by kind of CPU, with the same names in them. Both are then called alike, and the
    folder of one is not that of the other.
    """
    root, own = os.environ.get("EBROOTPYTHON", "").rstrip("/"), sys.base_prefix
    if not root or root == own or root.split("/")[-2:] != own.split("/")[-2:]:
        return ""
    if not MODULES or os.path.realpath(root) == os.path.realpath(own):
        return ""
    loaded = "the loaded modules belong to the software tree of " + root
    return loaded + ", but the environment " + NAME + " uses " + own + "; hint: stackenv check " + NAME


def describe_refusal(error, carry, missing, loaded):
    """Return why, by an `error` of the module `carry`, nothing is brought, and what to type."""
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
    """Return that the modules, or what they need, are not there, why, and what to type, or to ask for."""
    owner = find_other_owner() if by_owner else ""
    asked = "ask its owner (" + owner + ") to run: " if owner else ""
    return "the environment " + NAME + " runs without its modules: " + reason + "; hint: " + asked + hint


def find_other_owner():
    """Return whose the environment is; empty where this user can change it, and where that is not known."""
    try:
        import _stackenv_carry as carry

        return carry.find_other_owner(__file__, bool(HELD))
    except Exception:
        return ""


def describe_missing(missing, loaded, in_the_way=""):
    """Return that modules of the record are not the `loaded` ones; empty where none is missing.

    `in_the_way` is the loaded module for which they are not brought.
    """
    found = []
    for module in missing:
        name = module.rpartition("/")[0]
        other = [m for m in loaded if name and m.rpartition("/")[0] == name]
        found.append(module + (" (loaded: " + other[0] + ")" if other else " (not loaded)"))
    needs = "the environment " + NAME + " needs " + ", ".join(found)
    # Another version says it itself.
    if in_the_way and "(loaded: " not in needs:
        needs += ", which it does not use while " + in_the_way + " is loaded"
    return needs + "; hint: " + HINT if found else ""


def tell_once(sentence):
    """Say `sentence`, if any, on stderr, once for a process and its children, by the first of many tasks."""
    is_first = all(os.environ.get(number, "0") == "0" for number in NUMBERS)
    if sentence and is_first and os.environ.get("STACKENV_TOLD") != NAME:
        os.environ["STACKENV_TOLD"] = NAME
        tell(sentence)


def try_bringing_modules():
    """Do as `bring_modules`; a fault in it must not keep the packages from being put in order."""
    try:
        return bring_modules()
    except Exception as error:
        carry = os.path.join(os.path.dirname(__file__), "_stackenv_carry.py")
        is_there = os.path.exists(carry)
        return describe_without(repr(error) if is_there else carry + " is missing", REFRESH, True)


def start():
    """Do what the first .pth file asks for; a fault here must not keep the interpreter from starting."""
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
    """Do what the last .pth file asks for."""
    try:
        order_packages()
        prefer_editables()
    except Exception as error:
        complain(error)


def complain(error):
    """Say that something went wrong."""
    tell("cannot put the packages of " + NAME + " in order: " + repr(error))


def tell(sentence):
    """Say `sentence` on stderr, where there is one that can be written."""
    try:
        # Not through the buffer: what could not be flushed at the end gives status 120.
        os.write(sys.stderr.fileno(), os.fsencode("stackenv: " + sentence + "\n"))
    except (OSError, ValueError, AttributeError):
        pass


start()
