"""Give the environment's Python the packages and libraries of its modules when it starts without them.

Imported by _stackenv_layers.py only if the environment's Python is started without its modules: by an editor,
cron, ssh or a job step. The record, which stackenv wrote while the modules were loaded, names their folders
of packages, which the caller puts on sys.path, and their folders of libraries. glibc reads LD_LIBRARY_PATH
only when a program starts, so if a library can be found only through it, this Python restarts itself once
with it. Afterwards, os.environ is as the caller set it: a child process that got only a part of the modules'
variables would mix them with modules that it loads itself.
"""

import _signal
import os
import stat
import sys

# The version of the record (stackenv.record).
VERSION = 1
LARGEST = 1 << 24
LOADER = ("LD_LIBRARY_PATH", "LD_PRELOAD")
# A variable that bash sets in the script that replaces a Python (start_python).
OF_BASH = ("SHLVL",)
# Set only between the exec and the restarted Python: the process and its name, and the caller's variables.
RESTARTED = "STACKENV_RESTARTED"
BEFORE = "STACKENV_BEFORE_"
# What may follow `python` in a file name: a version, and letters for the build (PEP 3149, PEP 703).
OF_PYTHONS = "0123456789.dmut"
PLACES = ("python_path", "prefixes", "libraries")
LISTS = (*PLACES, "preload", "cpu_features", "sources")


class NotCarriedError(Exception):
    """Why the modules are not used; empty if loaded modules take precedence."""


class InTheWayError(NotCarriedError):
    """A loaded module that conflicts with those in the record."""


class StaleError(NotCarriedError):
    """The record cannot be used, or no longer; stackenv can write it again."""


class MovedError(NotCarriedError):
    """The record can no longer be used and is for another path; stackenv can write one for this path."""


class ReplacedError(NotCarriedError):
    """The record can no longer be used, and stackenv writes that of the environment that now has the name."""


class GoneError(NotCarriedError):
    """A module is missing, on this machine or everywhere; `stackenv check` shows which, and what to do."""


def read_carried(own_file, is_packed, loaded, again=False):
    """Return what the record says to carry, if it may be used; `loaded` are the loaded modules.

    `own_file` is the file of the calling code: whoever can write it may also have written the record. `again`
    is true at the second start of this process, when the modulefiles and the CPU have already been checked.

    Raises NotCarriedError if the record must not be used.
    """
    path = find_record(find_prefix(own_file), is_packed)
    try:
        record = parse_record(read_record(path, os.stat(own_file), find_entrance(path) if is_packed else ""))
        in_the_way = find_in_the_way(record, loaded)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StaleError("its record, %s, is damaged" % path) from error
    except OSError as error:
        raise StaleError("its record, %s, cannot be read (%s)" % (path, error.strerror)) from error
    carried = record.get("carried")
    if not carried:
        raise NotCarriedError
    if in_the_way:
        raise InTheWayError(in_the_way)
    if not again:
        try:
            require_unchanged(carried["modulefiles"])
        except (StaleError, GoneError) as error:
            raise describe_changed(error, record, own_file, is_packed) from error
        require_cpu(carried["cpu"], carried["cpu_features"], carried["cpu_alias"])
    return carried


def describe_changed(error, record, own_file, is_packed):
    """Return what to raise if a module has changed, depending on what happened to the environment since."""
    # After a rebuild, an environment with this name is another one.
    if record.get("replaced_by"):
        return ReplacedError("%s, and the environment was rebuilt in %s" % (error, record["replaced_by"]))
    if isinstance(error, GoneError) or is_packed or is_same_folder(find_prefix(own_file), record["path"]):
        return error
    return MovedError("%s, and the environment was created in %s" % (error, record["path"]))


def find_prefix(own_file):
    """Return the environment that `own_file` belongs to; another Python may have its packages on its path."""
    for _ in range(4):
        own_file = os.path.dirname(own_file)
    return own_file


def is_same_folder(one, other):
    """Return whether two paths lead to the same folder."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def find_record(prefix, is_packed):
    """Return the path of the record of `prefix`; for a packed one, that beside the image, which is newer."""
    if is_packed:
        with open(os.path.join(prefix, "stackenv", "packed.txt"), "rb") as stream:
            prefix = os.fsdecode(stream.readline().rstrip(b"\n").partition(b", ")[2]) or prefix
    return os.path.join(prefix, "stackenv", "record.json")


def find_other_owner(own_file, is_packed):
    """Return the name of the owner of the environment of `own_file`; empty if this user can change it."""
    owner = os.stat(own_file).st_uid
    folder = os.path.dirname(find_record(find_prefix(own_file), is_packed))
    if os.geteuid() in (0, owner) or os.access(folder, os.W_OK):
        return ""
    try:
        return import_standard("pwd").getpwuid(owner).pw_name
    except (ImportError, KeyError):
        return "%d" % owner


def find_entrance(path):
    """Return the path of the script that leads into an image; it is written together with the record `path`.

    It is empty in a namespace in which the image is at its own path, and so hides both.
    """
    entrance = os.path.join(os.path.dirname(path), "packed")
    return entrance if os.path.exists(entrance) else ""


def read_record(path, own, entrance):
    """Return the text of the record, unless more users can write it than the file with the status `own`.

    No user can write to a file in an image. For an image, the mode of `entrance`, the file beside it, shows
    who may write the record; a group may, if the owner of the folder lets it write there.
    """
    # Do not wait for anything but a regular file, and do not follow links: the target has another purpose.
    how = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
    # Keep the folder open, so that it is certainly the one in which the record is found.
    folder = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) if entrance else None
    try:
        handle = os.open(path if folder is None else os.path.basename(path), how, dir_fd=folder)
        around = folder if folder is None else os.fstat(folder)
    finally:
        if folder is not None:
            os.close(folder)
    with open(handle, "rb") as stream:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
            raise StaleError("its record, %s, is damaged" % path)
        owners = (os.geteuid(), 0, own.st_uid)
        is_known = found.st_uid in owners or (around and is_of_group(found, around, owners))
        if not is_known or is_open_to_more(found, os.stat(entrance) if entrance else own):
            raise StaleError("its record, %s, could have been written by another user" % path)
        return stream.read()


def is_of_group(found, folder, owners):
    """Return whether a file belongs to the group that one of `owners` lets write in `folder`."""
    shared = folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH) == stat.S_IWGRP
    return shared and folder.st_uid in owners and folder.st_gid == found.st_gid


def is_open_to_more(found, own):
    """Return whether a file's status lets a user write it who cannot write the file with the status `own`."""
    more = found.st_mode & ~own.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return bool(more or (found.st_mode & stat.S_IWGRP and found.st_gid != own.st_gid))


def parse_record(text):
    """Return the parts of the record in `text` that are needed here; raise as a mapping and its values do."""
    # Decode it as the system's paths are, so that paths in it keep their bytes in a locale without UTF-8.
    record = read_json(os.fsdecode(text))
    if record["record_version"] != VERSION:
        raise StaleError("its record was written by another version of stackenv")
    require_texts(record["stack"])
    carried = record.get("carried")
    if carried:
        for texts in [carried[name] for name in LISTS] + [[carried["cpu"], carried["cpu_alias"]]]:
            require_texts(texts)
        for name in PLACES:
            require_absolute(carried[name])
        carried["modulefiles"] = list(map(read_modulefile, carried["modulefiles"]))
        carried["variables"] = list(map(read_variable, carried["variables"]))
    return record


def read_modulefile(file):
    """Return path, size, time and hash of the modulefile that the mapping `file` describes."""
    require_texts([file["path"]])
    return file["path"], file["size_bytes"], file["modified_ns"], file["sha256"]


def read_variable(texts):
    """Return the name and the value in the list `texts`; raise ValueError if it does not hold both."""
    require_texts(texts)
    name, value = texts
    if not name or "=" in name:
        raise ValueError("no name of a variable")
    return name, value


class AsJson:
    """The settings that the module json gives its scanner."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int, parse_constant = float, int, float


def read_json(text):
    """Return the value of the JSON `text`, with the internals of the module json if they are enough.

    The module itself imports re and enum, which takes a third as long as the start of Python. It is used only
    if the text is faulty, because its error messages are better.
    """
    try:
        value, end = import_standard("_json").make_scanner(AsJson)(text, 0)
        if not text[end:].strip(" \t\r\n"):
            return value
    except Exception:
        # Python 3.11 raises SystemError for an invalid text if json has not been imported.
        pass
    return import_standard("json").loads(text)


def import_standard(name):
    """Return the module `name` of the standard library.

    While the environment's .pth file imports this file, the environment's packages come first: an enum.py
    among them (enum34) would be used by the whole process.
    """
    own, before = os.path.dirname(__file__), list(sys.path)
    sys.path[:] = [entry for entry in before if entry != own]
    try:
        return __import__(name)
    finally:
        sys.path[:] = before


def require_texts(texts):
    """Raise ValueError unless `texts` is a list of texts that the operating system accepts."""
    if not isinstance(texts, list) or not all(isinstance(text, str) and "\0" not in text for text in texts):
        raise ValueError("no list of texts")
    # Half a character (a lone surrogate) cannot be encoded.
    os.fsencode("".join(texts))


def require_absolute(paths):
    """Raise ValueError if one of `paths` is relative."""
    if not all(path.startswith("/") for path in paths):
        raise ValueError("a relative path")


def find_in_the_way(record, loaded):
    """Return which of `loaded` is a Python, or another version of a recorded module; empty if none is."""
    python = name_of((record.get("python") or {}).get("module") or "").lower()
    names = {name_of(module): module for module in record["stack"]}
    for module in loaded:
        name = name_of(module)
        # The name of a Python (Python, python3, cray-python), or of a module built for one.
        if "python" in name.lower() or name.lower() == python or names.get(name, module) != module:
            return module
    return ""


def name_of(module):
    """Return the name of `module` without its version."""
    return module.rpartition("/")[0] or module


def require_unchanged(modulefiles):
    """Raise StaleError if one of `modulefiles` has changed, because it may load other modules now.

    Raises GoneError if it is missing, or only other users may read it.
    """
    for path, size_bytes, modified_ns, sha256 in modulefiles:
        try:
            found = os.stat(path)
            is_same = (found.st_size, found.st_mtime_ns) == (size_bytes, modified_ns)
            same_size = found.st_size == size_bytes and stat.S_ISREG(found.st_mode)
            if not is_same and not (same_size and has_hash(path, sha256)):
                raise StaleError("the modulefile %s has changed" % path)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise GoneError("the modulefile %s is missing" % path) from error
        except OSError as error:
            raise GoneError("the modulefile %s cannot be read (%s)" % (path, error.strerror)) from error


def has_hash(path, sha256):
    """Return whether the file `path` has this SHA-256, so that its contents are the same as before."""
    hashlib = import_standard("hashlib")
    with open(path, "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest() == sha256


def require_cpu(cpu, features, alias):
    """Raise NotCarriedError if this CPU lacks one of `features`, since a program would be killed by SIGILL.

    A CPU that the kernel calls `alias`, like that in the record, is not checked: up to Linux 5.17, and so on
    RHEL 8 and 9, opening /proc/cpuinfo interrupts all busy CPUs and waits 10 ms (arch_freq_prepare_all).
    """
    if not features or (alias and alias == read_cpu_alias()):
        return
    found = read_cpu_features()
    lacking = ", ".join(sorted(set(features).difference(found)))
    if lacking:
        here = "this one lacks " + lacking if found else "this one is unknown: /proc/cpuinfo does not say"
        raise NotCarriedError("its modules were loaded on the CPU %s; %s" % (cpu, here))


def read_cpu_alias():
    """Return the kernel's alias of this machine's CPU: its model, and all its features by number."""
    try:
        with open("/sys/devices/system/cpu/modalias", "rb") as stream:
            return stream.read().decode("ascii", "replace").strip()
    except OSError:
        return ""


def read_cpu_features():
    """Return the names of the first CPU's features, from /proc/cpuinfo."""
    try:
        with open("/proc/cpuinfo", "rb") as stream:
            for line in stream:
                name, _, words = line.partition(b":")
                if name.strip() in (b"flags", b"Features"):
                    return words.decode("ascii", "replace").split()
    except OSError:
        pass
    return []


def restart(carried, prefix, again=False):
    """Restart this Python, that of `prefix`, with the libraries of `carried`, if it needs any.

    It never restarts twice: `again` says that this process was already restarted.

    Returns
    -------
    str
        Why it cannot restart, so that the caller goes on without the libraries; empty if it need not.
    """
    added = {"LD_LIBRARY_PATH": carried["libraries"], "LD_PRELOAD": carried["preload"]}
    if has_libraries(added):
        return ""
    why = find_hindrance(prefix)
    if again or why:
        return "it was started with other libraries" if again else why
    catches = _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler
    try:
        words, environ = read_own("cmdline"), describe_environ(added)
        # Python only sets a flag at an interrupt and handles it later, so the restart would lose it.
        if catches:
            _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
        os.execve(os.fsencode(sys.executable), words, environ)
    except (OSError, ValueError) as error:
        if catches:
            _signal.signal(_signal.SIGINT, _signal.default_int_handler)
        return "Python could not be started again (%s)" % (getattr(error, "strerror", None) or error)


def describe_environ(added):
    """Return the variables of the second start: those of the first, with the entries `added` in front.

    os.environ may have others by now: Python sets LC_CTYPE in the C locale, for example (PEP 538).
    """
    environ = {}
    for variable in read_own("environ"):
        name, equals, value = variable.partition(b"=")
        # A Python that was started before with -S has left these.
        if name and equals and not name.startswith(BEFORE.encode()):
            environ.setdefault(name, value)
    for name, entries in added.items():
        before = environ.get(name.encode())
        if before is not None:
            environ[(BEFORE + name).encode()] = before
        if entries:
            own = os.fsencode(":".join(entries))
            environ[name.encode()] = own + b":" + before if before else own
    with open("/proc/self/comm", "rb") as stream:
        environ[RESTARTED.encode()] = mark_process() + stream.read()[:-1]
    return environ


def restore(mark):
    """Restore in os.environ the variables of the first start's caller, so that no child sees the changes.

    `mark` is the variable that identifies that start: its process and its name.
    """
    own = os.fsencode(os.environ.pop(mark))[len(mark_process()) :]
    before = {n[len(BEFORE) :]: os.environ.pop(n) for n in list(os.environ) if n.startswith(BEFORE)}
    for name in LOADER if mark == RESTARTED else LOADER + OF_BASH:
        if name not in before:
            os.environ.pop(name, None)
    # Variables that exist keep their position.
    os.environ.update(before)
    # A script that is started by its first line has the script's name, by which `killall` finds it.
    try:
        with open("/proc/self/comm", "wb") as stream:
            stream.write(own)
    except OSError:
        pass


def mark_process():
    """Return the start of such a mark, which is valid in this process but not in a child that inherits it."""
    return b"%d " % os.getpid()


def has_libraries(added):
    """Return whether the entries `added` came first when the loader looked for the libraries of this process.

    That is so once this Python has been restarted, and in each fork of that process.
    """
    try:
        environ = read_own("environ")
    except OSError:
        return not any(added.values())
    for name, entries in added.items():
        begin = os.fsencode("%s=%s:" % (name, ":".join(entries)))
        if entries and not any((variable + b":").startswith(begin) for variable in environ):
            return False
    return True


def read_own(name):
    """Return the list `name`, `environ` or `cmdline`, that /proc has for the last exec of this process."""
    with open("/proc/self/" + name, "rb") as stream:
        return stream.read().split(b"\0")[:-1]


def find_hindrance(prefix):
    """Return why this process must not be restarted; empty at a plain start of the Python of `prefix`."""
    if os.path.abspath(sys.prefix) != prefix:
        return "this Python is not the environment's"
    if not is_plain_start():
        return "Python had already started when the environment was found"
    try:
        if len(os.listdir("/proc/self/task")) != 1:
            return "Python already has threads"
    except OSError as error:
        return "/proc cannot be read (%s)" % error.strerror
    if not is_own_program():
        return "Python runs inside another program"
    return "" if is_main_interpreter() else "this is a subinterpreter"


def is_own_program():
    """Return whether this process runs the file of its Python; valgrind or an embedding program does not.

    The uWSGI program, which pip installs into bin, is its own sys.executable.
    """
    try:
        name = os.path.basename(os.readlink("/proc/self/exe"))
        same = os.path.samefile("/proc/self/exe", sys.executable or "")
    except OSError:
        return False
    return same and name.startswith("python") and not name[len("python") :].strip(OF_PYTHONS)


def is_plain_start():
    """Return whether this code runs because the interpreter itself imports the module site.

    That is not so if a running program calls `site.addsitedir` or `site.main`: a restart would begin it
    again.
    """
    frame, callers = sys._getframe(), []
    while frame:
        callers.append((frame.f_globals.get("__name__"), frame.f_code.co_name))
        frame = frame.f_back
    # Importing importlib changes the first of these names to the second.
    imports = [(name, "_find_and_load") for name in ("_frozen_importlib", "importlib._bootstrap")]
    return ("site", "main") in callers and callers[-1] in imports


def is_main_interpreter():
    """Return whether this is the main interpreter; a Python without the module has no other interpreter."""
    try:
        # This module exists from Python 3.13 on.
        interpreters = import_standard("_interpreters")
    except ImportError:
        try:
            interpreters = import_standard("_xxsubinterpreters")
        except ImportError:
            return True
    return interpreters.get_current() == interpreters.get_main()
