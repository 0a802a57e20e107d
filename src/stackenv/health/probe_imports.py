"""Import modules and report which ones fail. Usage: probe_imports.py OUTPUT INPUT.

INPUT is JSON: groups of names. Each group is imported in a process of its own; if a module ends that process,
or hangs, the group goes on with the next name in another process. OUTPUT is JSON: for each failed name the
error, or how its process ended. After each name, a byte is written to stdout. If the parent process ends,
this one ends too, with everything that it has started.
"""

import importlib
import json
import os
import select
import signal
import sys
import time

HANGS_AFTER_S = 60
# The exit status of a process whose module has closed the descriptor for reports.
CLOSED = 117
STARTED_BY = os.getppid()


def import_group(names, report):
    """Import `names` one by one; after each, write a line to the descriptor `report`."""
    import gc

    # Imports create many objects but no garbage; not searching for it saves an eighth of the time.
    gc.disable()
    process, folder, before = os.getpid(), os.open(".", os.O_RDONLY), keep_shared()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    for name in names:
        # In case the parent, which normally watches the time, is gone.
        signal.alarm(HANGS_AFTER_S + 10)
        failed = []
        try:
            importlib.import_module(name)
        except BaseException as error:
            failed = [type(error).__name__, read_words(error)]
        if os.getpid() != process:
            # The module has forked, and this is its child: end it, whatever the outcome.
            os._exit(0)
        # The next module may use relative paths, so go back to the original folder.
        os.fchdir(folder)
        put_back(before)
        print_message(report, "done", name, *failed)


def keep_shared():
    """Return what all modules of a process share: lists of `sys`, by name, and the environment variables."""
    return {name: list(getattr(sys, name)) for name in ("path", "meta_path", "path_hooks")}, dict(os.environ)


def put_back(before):
    """Restore what a module has removed from the shared state `before`, which `keep_shared` returned.

    Additions stay: a loaded package may need them to find more of its own modules later.
    """
    lists, variables = before
    for name, held in lists.items():
        now = list(getattr(sys, name))
        if any(item not in now for item in held):
            setattr(sys, name, [item for item in now if item not in held] + held)
            # Python may have cached that nothing was found in the missing folders.
            importlib.invalidate_caches()
    for name, value in variables.items():
        os.environ.setdefault(name, value)


def read_words(error):
    """Return the text of `error`; empty if it has none that works."""
    try:
        return str(error)
    except BaseException:
        return ""


def print_message(report, *words):
    """Write a complete line with `words` to the descriptor `report`, however long it is."""
    line = json.dumps(words).encode() + b"\n"
    while line:
        line = line[os.write(report, line) :]


def start_group(names):
    """Start a child that imports `names`; return its process ID and the descriptor that it reports to."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        silence = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(silence, descriptor)
        try:
            import_group(names, writing)
        except OSError:
            # Errors of modules are caught earlier, so this one comes from writing a report.
            os._exit(CLOSED)
        finally:
            os._exit(0)
    os.close(writing)
    return child, reading


def read_lines(child, reading):
    """Yield the reports of the child, line by line; kill the child if it hangs.

    This process watches the time, because a module can catch or block any signal to its own process. A
    process that an import has started may keep the pipe open after the child has ended.
    """
    rest, until = b"", time.monotonic() + HANGS_AFTER_S
    while True:
        if select.select([reading], [], [], 0.5)[0]:
            more = os.read(reading, 65536)
            lines = (rest + more).split(b"\n")
            rest = lines.pop()
            for line in lines:
                until = time.monotonic() + HANGS_AFTER_S
                yield json.loads(line.decode())
            if not more:
                return
        elif os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return
        elif os.getppid() != STARTED_BY:
            # The parent was killed and could not end its children.
            os.kill(child, signal.SIGKILL)
            os.killpg(0, signal.SIGKILL)
        elif time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            yield ["slow"]
            return


def run_group(names):
    """Import `names` in a child; return those that failed, and those that are left if one ended the child."""
    child, reading = start_group(names)
    failed, done, slow = [], 0, False
    for kind, *words in read_lines(child, reading):
        if kind == "done":
            done += 1
            os.write(1, b".")
            # Keep the name and the error, if there is one.
            failed += [words] if words[1:] else []
        slow = kind == "slow"
        if done == len(names):
            break
    os.close(reading)
    status = os.waitpid(child, 0)[1]
    if done == len(names):
        return failed, []
    os.write(1, b".")
    return [*failed, describe_end(names[done], status, slow)], names[done + 1 :]


def describe_end(name, status, slow):
    """Return name, kind of error and message for the module whose import ended its process."""
    number = status & 0x7F
    if slow:
        return [name, "slow", "the import did not end within %d s" % HANGS_AFTER_S]
    if number:
        return [name, "crash", "killed by signal %d" % number]
    if status >> 8 == CLOSED:
        return [name, "exit", "it closes the files of the program that imports it"]
    return [name, "exit", "it ends the program, with status %d" % (status >> 8)]


def probe(groups):
    """Return name, kind of error and message for each module that cannot be imported."""
    failed = []
    for names in groups:
        while names:
            found, names = run_group(names)
            failed += found
    return failed


if __name__ == "__main__":
    # Remove the script's own folder, which is not on the path of other programs.
    del sys.path[0]
    with open(sys.argv[2]) as stream:
        asked = json.load(stream)
    found = probe(asked)
    with open(sys.argv[1], "w") as stream:
        json.dump(found, stream)
