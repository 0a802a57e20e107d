"""Run a command in a namespace in which a packed environment is at its own path.

    python -I enter_namespace.py NAME SQUASHFUSE SOURCE PREFIX MARK HOLDER COMMAND [ARGUMENT...]

SOURCE, an image or a folder, is mounted over PREFIX in a mount namespace of this job or session. The user's
other jobs and sessions never see the mount and cannot unmount it. This process becomes the command. The file
HOLDER names the process that waits beside squashfuse, called the holder. Later commands of the same job join
its namespace, so that all of them share one mount and can read each other's memory, as MPI does. The holder
and squashfuse are not children of the command; they end once no other process is in the namespace. Without
HOLDER, each command has its own namespace.

This runs with the system's Python of a node, 3.6 or later, with the standard library only.
"""

import contextlib
import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import time

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, PR_CAP_AMBIENT_CLEAR_ALL = 47, 2, 4
CAP_SYS_ADMIN = 21
CAPABILITY_VERSION_3 = 0x20080522
LOOK_EVERY_S = 2.0
LIBC = ctypes.CDLL(None, use_errno=True)


def refuse(name, sentence):
    """Print `sentence` and exit with the status of a module that cannot be loaded."""
    sys.stderr.write(
        "stackenv: %s: %s; hint: use another node; or, with room for its files: stackenv unpack %s\n"
        % (name, sentence, name)
    )
    sys.exit(7)


def check(result, what):
    """Raise OSError if `result` is that of a failed call."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, "%s: %s" % (what, os.strerror(number)))


def enter_namespace():
    """Enter a new mount namespace; users other than root need a user namespace around it."""
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        check(LIBC.unshare(CLONE_NEWNS), "unshare")
        check(LIBC.mount(b"none", b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None), "mount")
        return
    check(LIBC.unshare(CLONE_NEWUSER | CLONE_NEWNS), "user namespaces are not available")
    # user_namespaces(7): the map of groups can be written only after `deny`.
    for path, text in (("setgroups", "deny"), ("uid_map", "%d %d 1"), ("gid_map", "%d %d 1")):
        number = user if path == "uid_map" else group
        with open("/proc/self/" + path, "w") as stream:
            stream.write(text % (number, number) if "%" in text else text)


def keep_capability():
    """Let the next program mount: an execve by an ordinary user drops all capabilities but ambient ones."""
    if os.geteuid() == 0:
        return
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)()
    check(LIBC.capget(header, data), "capget")
    # The effective, permitted and inheritable sets of the first 32 capabilities, then those of the others.
    data[2] |= 1 << CAP_SYS_ADMIN
    check(LIBC.capset(header, data), "capset")
    words = [ctypes.c_ulong(n) for n in (PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0)]
    check(LIBC.prctl(PR_CAP_AMBIENT, *words), "prctl")


def drop_capability():
    """Make the command start without the capability, as the ordinary user that it was."""
    if os.geteuid() != 0:
        words = [ctypes.c_ulong(n) for n in (PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)]
        check(LIBC.prctl(PR_CAP_AMBIENT, *words), "prctl")


def start_squashfuse(name, squashfuse, image, prefix, mark):
    """Mount `image` over `prefix`; return the squashfuse process, which stays in its foreground."""
    environ = {k: v for k, v in os.environ.items() if k not in ("LD_LIBRARY_PATH", "LD_PRELOAD")}
    process = subprocess.Popen(
        [squashfuse, "-f", "-o", "ro", image, prefix],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environ,
        cwd="/",
        start_new_session=True,
    )
    while not os.path.exists(os.path.join(prefix, mark)):
        if process.poll() is not None:
            words = process.stderr.read().decode("utf-8", "replace").strip()
            return None, "the image cannot be mounted here; %s failed: %s" % (squashfuse, words)
        time.sleep(0.002)
    return process, ""


def is_anybody_here(own):
    """Return whether any process other than `own` is in this mount namespace."""
    here = os.readlink("/proc/self/ns/mnt")
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) not in own:
            try:
                if os.readlink("/proc/%s/ns/mnt" % entry) == here:
                    return True
            except OSError:
                continue
    return False


def join_namespace(holder, prefix, mark):
    """Join the namespace of the process in the file `holder`; return whether the environment is there."""
    try:
        with open(holder) as stream:
            number = int(stream.read())
        kinds = ("mnt",) if os.geteuid() == 0 else ("user", "mnt")
        places = [os.open("/proc/%d/ns/%s" % (number, kind), os.O_RDONLY) for kind in kinds]
    except (OSError, ValueError):
        return False
    for place, kind in zip(places, kinds):
        if LIBC.setns(place, CLONE_NEWNS if kind == "mnt" else CLONE_NEWUSER) != 0:
            return False
    return can_read(os.path.join(prefix, mark))


def can_read(path):
    """Return whether the file `path` can be read: without squashfuse, the kernel still knows its name."""
    try:
        with open(path, "rb") as stream:
            return bool(stream.read(1))
    except OSError:
        return False


@contextlib.contextmanager
def locked(holder):
    """Keep other processes from joining or creating the namespace of `holder` while the block runs."""
    if not holder:
        yield
        return
    descriptor = os.open(holder + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def wait_for_the_last(own, holder):
    """Wait until only the processes `own` are in the namespace and no other process can join it."""
    while True:
        while is_anybody_here(own):
            time.sleep(LOOK_EVERY_S)
        with locked(holder):
            if is_anybody_here(own):
                continue
            with contextlib.suppress(OSError):
                os.unlink(holder)
            return


def hold(arguments, holder, answer):
    """Mount the image, report the result to `answer`, and stay until no other process is in the namespace."""
    process, problem = start_squashfuse(*arguments)
    if process is not None and holder:
        with open(holder, "w") as stream:
            stream.write(str(os.getpid()))
    os.write(answer, problem.encode("utf-8", "replace") or b"\0")
    if process is None:
        return
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nothing, descriptor)
    os.closerange(3, 256)
    wait_for_the_last((os.getpid(), process.pid), holder)
    # Kill it: it has inherited the ignored signals, and has no data to lose.
    process.kill()


def mount_image(arguments, holder):
    """Mount the image in a process that is not a child of this one; return the error, empty if none."""
    answer, given = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(answer)
        if os.fork() == 0:
            os.setsid()
            for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            try:
                hold(arguments, holder, given)
            except BaseException as error:
                os.write(given, repr(error).encode())
            os._exit(0)
        os._exit(0)
    os.close(given)
    os.waitpid(child, 0)
    with os.fdopen(answer, "rb") as stream:
        answer = stream.read(4096) or b"the process that mounts it has ended"
    return "" if answer == b"\0" else answer.decode("utf-8", "replace")


def enter(name, squashfuse, source, prefix, mark, holder):
    """Enter a namespace in which the environment is at `prefix`; return the error, empty if none."""
    with locked(holder):
        if holder and join_namespace(holder, prefix, mark):
            return ""
        enter_namespace()
        if os.path.isdir(source):
            bind = ctypes.c_ulong(MS_BIND)
            check(LIBC.mount(os.fsencode(source), os.fsencode(prefix), None, bind, None), "mount")
            return ""
        keep_capability()
        return mount_image((name, squashfuse, source, prefix, mark), holder)


def main(name, squashfuse, source, prefix, mark, holder, *command):
    """Enter the namespace and become `command`."""
    try:
        here = os.getcwd()
    except OSError:
        here = ""
    try:
        problem = enter(name, squashfuse, source, prefix, mark, holder)
        drop_capability()
    except OSError as error:
        problem = "a private mount cannot be created here: %s" % error.strerror
    if problem:
        refuse(name, problem)
    if here:
        # Go to the same path again: it may now be inside the mount.
        with contextlib.suppress(OSError):
            os.chdir(here)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.stderr.write("stackenv: %s: %s: %s\n" % (name, command[0], error.strerror))
        sys.exit(127 if isinstance(error, FileNotFoundError) else 126)


if __name__ == "__main__":
    main(*sys.argv[1:])
