"""Import the modules that the second argument's file lists, and write what failed to the first's.

The list is JSON: groups of names. Each group is imported in a process of its own; where a module ends that
process, or hangs, the next name of its group goes on in another. Written as JSON: for each failed name the
error, or how its process ended. A byte is written to the output for each name that is done. It ends, with
what it has started, when the process is gone that has started it.
"""

import importlib
import json
import os
import select
import signal
import sys
import time

HANGS_AFTER_S = 60
# Of a process whose module has closed what it reports to.
CLOSED = 117
STARTED_BY = os.getppid()


def import_group(names, report):
    """Import `names` one by one; write a line to the descriptor `report` behind each."""
    import gc

    # It looks again and again through what imports make, none of which is garbage: an eighth of the time.
    gc.disable()
    process, folder, before = os.getpid(), os.open(".", os.O_RDONLY), keep_shared()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    for name in names:
        # Where nobody is left who looks at the clock.
        signal.alarm(HANGS_AFTER_S + 10)
        failed = []
        try:
            importlib.import_module(name)
        except BaseException as error:
            failed = [type(error).__name__, read_words(error)]
        if os.getpid() != process:
            # A module has forked: what it has begun there ends here, whatever came of it.
            os._exit(0)
        # For paths from the folder in which the import of the next module expects to be.
        os.fchdir(folder)
        put_back(before)
        print_message(report, "done", name, *failed)


def keep_shared():
    """Return what all modules of a process share: lists of `sys` by their names, and the variables."""
    return {name: list(getattr(sys, name)) for name in ("path", "meta_path", "path_hooks")}, dict(os.environ)


def put_back(before):
    """Give back what a module has taken from what all share, as `keep_shared` has noted it.

    What one has added stays: a package that is loaded finds more of its own by that, when it is asked to.
    """
    lists, variables = before
    for name, held in lists.items():
        now = list(getattr(sys, name))
        if any(item not in now for item in held):
            setattr(sys, name, [item for item in now if item not in held] + held)
            # Of folders in which nothing could be looked for.
            importlib.invalidate_caches()
    for name, value in variables.items():
        os.environ.setdefault(name, value)


def read_words(error):
    """Return what `error` says; nothing where that fails."""
    try:
        return str(error)
    except BaseException:
        return ""


def print_message(report, *words):
    """Write a line with `words` to the descriptor `report`, whole, however much text an error has."""
    line = json.dumps(words).encode() + b"\n"
    while line:
        line = line[os.write(report, line) :]


def start_group(names):
    """Start a child that imports `names`; return its number, and the descriptor that it reports to."""
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
            # Those of modules do not come so far.
            os._exit(CLOSED)
        finally:
            os._exit(0)
    os.close(writing)
    return child, reading


def read_lines(child, reading):
    """Yield what the child reports, a line each; at the end kill what hangs.

    By the clock of this process: a module can catch or block any signal that it could send to itself. What
    an import has started may keep the pipe open when the child is gone.
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
            # It was killed, and could end nothing.
            os.kill(child, signal.SIGKILL)
            os.killpg(0, signal.SIGKILL)
        elif time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            yield ["slow"]
            return


def run_group(names):
    """Import `names` in a child; return which failed, and which are left when one has ended it."""
    child, reading = start_group(names)
    failed, done, slow = [], 0, False
    for kind, *words in read_lines(child, reading):
        if kind == "done":
            done += 1
            os.write(1, b".")
            # The name, and what it failed with.
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
    """Return name, kind of error and words of the module whose import has ended its process."""
    number = status & 0x7F
    if slow:
        return [name, "slow", "the import did not end within %d s" % HANGS_AFTER_S]
    if number:
        return [name, "crash", "killed by signal %d" % number]
    if status >> 8 == CLOSED:
        return [name, "exit", "it closes the files of the program that imports it"]
    return [name, "exit", "it ends the program, with status %d" % (status >> 8)]


def probe(groups):
    """Return name, kind of error and words of each module that does not import."""
    failed = []
    for names in groups:
        while names:
            found, names = run_group(names)
            failed += found
    return failed


if __name__ == "__main__":
    # Behind the script's own folder, which no other program has in front.
    del sys.path[0]
    with open(sys.argv[2]) as stream:
        asked = json.load(stream)
    found = probe(asked)
    with open(sys.argv[1], "w") as stream:
        json.dump(found, stream)
