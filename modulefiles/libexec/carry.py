"""What the environment brings of its modules to a Python of its own that is started without them.

Imported by _stackenv_layers.py at a start of the environment's Python by an editor, cron, ssh or a step of
a job, and only then. The record, which stackenv wrote when it had loaded the modules, names their folders of
packages, which the caller puts on sys.path, and of libraries. glibc reads LD_LIBRARY_PATH when a program
starts: where a library is found by that alone this Python starts itself again, once, with it. Afterwards
os.environ is what the caller gave: a child that got half a generation of modules would mix it with what it
loads itself.
"""

import _signal
import os
import stat
import sys

# Of the record (stackenv.record).
VERSION = 1
LARGEST = 1 << 24
LOADER = ("LD_LIBRARY_PATH", "LD_PRELOAD")
# What else the script sets that is in the place of a Python (start_python): bash does.
OF_BASH = ("SHLVL",)
# Only from that start's exec until it is read: the process and its name, and what the caller had.
RESTARTED = "STACKENV_RESTARTED"
BEFORE = "STACKENV_BEFORE_"
# What may follow `python` in the name of its file: a version, and how it was built (PEP 3149, PEP 703).
OF_PYTHONS = "0123456789.dmut"
PLACES = ("python_path", "prefixes", "libraries")
LISTS = (*PLACES, "preload", "cpu_features", "sources")


class NotCarriedError(Exception):
    """Why the modules are not brought; empty: they are not to be brought over those that are loaded."""


class InTheWayError(NotCarriedError):
    """A module that is loaded, which goes with others than the record's."""


class StaleError(NotCarriedError):
    """The record is not, or no more, to be used: stackenv writes it again."""


class MovedError(NotCarriedError):
    """The record cannot be used any more and is of another place: stackenv writes one for this place."""


class ReplacedError(NotCarriedError):
    """The record cannot be used any more, and stackenv writes that of another environment of the name."""


class GoneError(NotCarriedError):
    """A module is not there, on this machine or for good: `stackenv check` tells which, and what to do."""


def read_carried(own_file, is_packed, loaded, again=False):
    """Return what the record says is carried, where it may be: `loaded` are the modules that are loaded.

    `own_file` is that of the code that asks: who can write that may have written the record. `again` in the
    second start of this process, by when the modulefiles and the CPU have been looked at.

    Raises NotCarriedError where it may not.
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
    """Return what to raise where a module has changed, by what has become of the environment since."""
    # The environment that has the name is another, if any.
    if record.get("replaced_by"):
        return ReplacedError("%s, and the environment was rebuilt in %s" % (error, record["replaced_by"]))
    if isinstance(error, GoneError) or is_packed or is_same_folder(find_prefix(own_file), record["path"]):
        return error
    return MovedError("%s, and the environment was created in %s" % (error, record["path"]))


def find_prefix(own_file):
    """Return the environment whose packages `own_file` is among: another Python may have them on its path."""
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
    """Return the path of the record of `prefix`; the one beside the image of a packed one is newer."""
    if is_packed:
        with open(os.path.join(prefix, "stackenv", "packed.txt"), "rb") as stream:
            prefix = os.fsdecode(stream.readline().rstrip(b"\n").partition(b", ")[2]) or prefix
    return os.path.join(prefix, "stackenv", "record.json")


def find_other_owner(own_file, is_packed):
    """Return the name of who owns the environment of `own_file`; empty where this user can change it."""
    owner = os.stat(own_file).st_uid
    folder = os.path.dirname(find_record(find_prefix(own_file), is_packed))
    if os.geteuid() in (0, owner) or os.access(folder, os.W_OK):
        return ""
    try:
        return import_standard("pwd").getpwuid(owner).pw_name
    except (ImportError, KeyError):
        return "%d" % owner


def find_entrance(path):
    """Return the path of what leads into an image, and is written when the record `path` beside it is.

    Empty in a namespace in which the image is at its own path, and so hides both.
    """
    entrance = os.path.join(os.path.dirname(path), "packed")
    return entrance if os.path.exists(entrance) else ""


def read_record(path, own, entrance):
    """Return the text of the record, unless more people can write it than the file of the status `own`.

    Nobody can write to a file in an image. There the mode of `entrance`, the file beside the image, tells who
    may write the record; a colleague may, where the folder's owner lets a group write in it.
    """
    # What is no file must not be waited for; a link leads to a file that was written for something else.
    how = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
    # Held, so that it is the folder in which the record is found.
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
    """Return whether a file is a member's of the group for which one of `owners` keeps its `folder`."""
    shared = folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH) == stat.S_IWGRP
    return shared and folder.st_uid in owners and folder.st_gid == found.st_gid


def is_open_to_more(found, own):
    """Return whether a file's status lets somebody write it whom that of `own` does not."""
    more = found.st_mode & ~own.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return bool(more or (found.st_mode & stat.S_IWGRP and found.st_gid != own.st_gid))


def parse_record(text):
    """Return the record in `text`, as far as it is needed here; raise as a mapping and its values do."""
    # Paths in it are given to the system: in a locale that is not of UTF-8 they are the same bytes.
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
    """Return the name and the value in the list `texts`; raise ValueError where it has none."""
    require_texts(texts)
    name, value = texts
    if not name or "=" in name:
        raise ValueError("no name of a variable")
    return name, value


class AsJson:
    """What the module json has its scanner do with what it finds."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int, parse_constant = float, int, float


def read_json(text):
    """Return what the JSON `text` says, by what the module json is made of, as far as that is enough.

    The module itself imports re and enum, which take as long as a third of the start of a Python; what is
    wrong with a text it knows better.
    """
    try:
        value, end = import_standard("_json").make_scanner(AsJson)(text, 0)
        if not text[end:].strip(" \t\r\n"):
            return value
    except Exception:
        # Python 3.11 has a SystemError for a text that is no JSON, where json has not been imported.
        pass
    return import_standard("json").loads(text)


def import_standard(name):
    """Return the module `name` of the standard library.

    While the environment's .pth file imports this one the environment's packages are in front: an enum.py
    of theirs (enum34) would be that of the whole process.
    """
    own, before = os.path.dirname(__file__), list(sys.path)
    sys.path[:] = [entry for entry in before if entry != own]
    try:
        return __import__(name)
    finally:
        sys.path[:] = before


def require_texts(texts):
    """Raise ValueError unless `texts` is a list of texts that the operating system takes."""
    if not isinstance(texts, list) or not all(isinstance(text, str) and "\0" not in text for text in texts):
        raise ValueError("no list of texts")
    # Half a character has no bytes.
    os.fsencode("".join(texts))


def require_absolute(paths):
    """Raise ValueError where one of `paths` leads somewhere else from each folder."""
    if not all(path.startswith("/") for path in paths):
        raise ValueError("a relative path")


def find_in_the_way(record, loaded):
    """Return which of `loaded` is a Python, or another version of a module of the record's; or nothing."""
    python = name_of((record.get("python") or {}).get("module") or "").lower()
    names = {name_of(module): module for module in record["stack"]}
    for module in loaded:
        name = name_of(module)
        # As Python, python3 and cray-python are called, and what is built for one.
        if "python" in name.lower() or name.lower() == python or names.get(name, module) != module:
            return module
    return ""


def name_of(module):
    """Return the name of `module` without its version."""
    return module.rpartition("/")[0] or module


def require_unchanged(modulefiles):
    """Raise StaleError where one of `modulefiles` is not what it was: it may bring others now.

    Raises GoneError where it is not there, or others may read it.
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
    """Return whether the file `path` has this SHA-256: written again as it was."""
    hashlib = import_standard("hashlib")
    with open(path, "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest() == sha256


def require_cpu(cpu, features, alias):
    """Raise NotCarriedError where this CPU lacks one of `features`: a program would end by SIGILL.

    Not asked of one that the kernel calls `alias`, as that of the record: up to Linux 5.17, and so on RHEL 8
    and 9, whoever opens /proc/cpuinfo interrupts all busy CPUs and waits 10 ms (arch_freq_prepare_all).
    """
    if not features or (alias and alias == read_cpu_alias()):
        return
    found = read_cpu_features()
    lacking = ", ".join(sorted(set(features).difference(found)))
    if lacking:
        here = "this one lacks " + lacking if found else "this one is unknown: /proc/cpuinfo does not say"
        raise NotCarriedError("its modules were loaded on the CPU %s; %s" % (cpu, here))


def read_cpu_alias():
    """Return what the kernel calls this machine's CPU: its kind, and all its features by their numbers."""
    try:
        with open("/sys/devices/system/cpu/modalias", "rb") as stream:
            return stream.read().decode("ascii", "replace").strip()
    except OSError:
        return ""


def read_cpu_features():
    """Return the names of what the first CPU can, by /proc/cpuinfo."""
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
    """Start this Python, that of `prefix`, again with the libraries of `carried`, where it needs any.

    Never a second time: `again` says that this process has been.

    Returns
    -------
    str
        Why that cannot be, empty where there is no need; who called goes on without them.
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
        # An interrupt sets a flag until Python comes to it, which the next start would not know of.
        if catches:
            _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
        os.execve(os.fsencode(sys.executable), words, environ)
    except (OSError, ValueError) as error:
        if catches:
            _signal.signal(_signal.SIGINT, _signal.default_int_handler)
        return "Python could not be started again (%s)" % (getattr(error, "strerror", None) or error)


def describe_environ(added):
    """Return the variables of the second start: those of the first, with the entries `added` in front.

    os.environ may have others by now, as LC_CTYPE, which Python sets where the locale is C (PEP 538).
    """
    environ = {}
    for variable in read_own("environ"):
        name, equals, value = variable.partition(b"=")
        # A Python with -S in front of it has left these.
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
    """Give back to os.environ what the caller of the first start had; nothing of it reaches a child.

    `mark` is the variable by which that start is known: who it was, and its name.
    """
    own = os.fsencode(os.environ.pop(mark))[len(mark_process()) :]
    before = {n[len(BEFORE) :]: os.environ.pop(n) for n in list(os.environ) if n.startswith(BEFORE)}
    for name in LOADER if mark == RESTARTED else LOADER + OF_BASH:
        if name not in before:
            os.environ.pop(name, None)
    # Those that are there keep their place among the others.
    os.environ.update(before)
    # That of a script which is started by its first line is the script's: `killall` knows it by that.
    try:
        with open("/proc/self/comm", "wb") as stream:
            stream.write(own)
    except OSError:
        pass


def mark_process():
    """Return what such a mark begins with in this process, and in no child that inherits it."""
    return b"%d " % os.getpid()


def has_libraries(added):
    """Return whether the entries `added` were in front when the loader looked for this process' libraries.

    So it is once this Python was started again, and in each copy of that process.
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
    """Return the list that /proc has of the last exec of this process: `environ` or `cmdline`."""
    with open("/proc/self/" + name, "rb") as stream:
        return stream.read().split(b"\0")[:-1]


def find_hindrance(prefix):
    """Return why this process must not be started again; empty at a plain start of the Python of `prefix`."""
    if os.path.abspath(sys.prefix) != prefix:
        return "this Python is not the environment's"
    if not is_plain_start():
        return "Python was already running when it found the environment"
    try:
        if len(os.listdir("/proc/self/task")) != 1:
            return "Python already has threads"
    except OSError as error:
        return "/proc cannot be read (%s)" % error.strerror
    if not is_own_program():
        return "Python runs inside another program"
    return "" if is_main_interpreter() else "this is a subinterpreter"


def is_own_program():
    """Return whether this process runs its Python's file; one with a Python inside, or valgrind, does not.

    That of uWSGI, which pip installs into bin, is its own sys.executable.
    """
    try:
        name = os.path.basename(os.readlink("/proc/self/exe"))
        same = os.path.samefile("/proc/self/exe", sys.executable or "")
    except OSError:
        return False
    return same and name.startswith("python") and not name[len("python") :].strip(OF_PYTHONS)


def is_plain_start():
    """Return whether the import of the module site by the interpreter itself has led here.

    Not so below `site.addsitedir` or `site.main` in a program that runs: it would begin again.
    """
    frame, callers = sys._getframe(), []
    while frame:
        callers.append((frame.f_globals.get("__name__"), frame.f_code.co_name))
        frame = frame.f_back
    # The import of importlib gives the first of these names the second.
    imports = [(name, "_find_and_load") for name in ("_frozen_importlib", "importlib._bootstrap")]
    return ("site", "main") in callers and callers[-1] in imports


def is_main_interpreter():
    """Return whether this is the first interpreter of the process; one without the module has no other."""
    try:
        # From Python 3.13 on.
        interpreters = import_standard("_interpreters")
    except ImportError:
        try:
            interpreters = import_standard("_xxsubinterpreters")
        except ImportError:
            return True
    return interpreters.get_current() == interpreters.get_main()
