"""Import the modules that the second argument's file lists, and write what failed to the first's.

The list is JSON: groups of names, a group for each package. Each group is imported in a process of its
own, so that one that crashes or hangs ends alone; the next name of its group goes on in another. Written
as JSON: for each failed name the error, or how its process ended.
"""

import json
import os
import signal
import sys

HANGS_AFTER_S = 60


def import_group(names, report):
    """Import `names` one by one; write a line to the descriptor `report` before and after each."""
    import importlib

    for name in names:
        os.write(report, json.dumps(["begin", name]).encode() + b"\n")
        signal.alarm(HANGS_AFTER_S)
        try:
            importlib.import_module(name)
        except BaseException as error:
            kind = type(error).__name__
            os.write(report, json.dumps(["failed", name, kind, str(error)]).encode() + b"\n")
        signal.alarm(0)
    os.write(report, b'["end", ""]\n')


def run_group(names):
    """Import `names` in a child; return its lines, and the status that it ended with."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        silence = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(silence, descriptor)
        try:
            import_group(names, writing)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        lines = [json.loads(line) for line in stream if line.endswith("\n")]
    return lines, os.waitpid(child, 0)[1]


def probe(groups):
    """Return name, kind of error and words of each module that does not import."""
    failed = []
    for names in groups:
        while names:
            lines, status = run_group(names)
            failed += [line[1:] for line in lines if line[0] == "failed"]
            if lines and lines[-1][0] == "end":
                break
            begun = [line[1] for line in lines if line[0] == "begin"]
            last = begun[-1] if begun else names[0]
            number = status & 0x7F
            if number == signal.SIGALRM:
                failed.append([last, "slow", "not imported within %d s" % HANGS_AFTER_S])
            elif number:
                failed.append([last, "crash", "killed by signal %d" % number])
            else:
                failed.append([last, "exit", "it ends the program, with status %d" % (status >> 8)])
            names = names[names.index(last) + 1 :]
    return failed


if __name__ == "__main__":
    # Behind the script's own folder, which no other program has in front.
    del sys.path[0]
    with open(sys.argv[2]) as stream:
        asked = json.load(stream)
    found = probe(asked)
    with open(sys.argv[1], "w") as stream:
        json.dump(found, stream)
