"""Report the properties of this process. Run by the Python of an environment, and read by observing.py."""

import contextlib
import json
import locale
import os
import resource
import signal
import stat
import subprocess
import sys

try:
    import needle
except ImportError:
    needle = None


def read_own(name):
    with open("/proc/self/" + name, "rb") as stream:
        return stream.read()


def describe_descriptor(number):
    """Return the type of the descriptor, how it was opened, and whether a child would inherit it."""
    status = os.fstat(number)
    target = os.readlink(f"/proc/self/fd/{number}")
    flags = [line for line in read_own(f"fdinfo/{number}").decode().splitlines() if line.startswith("flags")]
    # The numbers of pipes and terminals differ between starts.
    kind = stat.S_IFMT(status.st_mode)
    named = target if kind in (stat.S_IFREG, stat.S_IFDIR) else ""
    return [number, kind, named, flags, os.isatty(number)]


def list_descriptors():
    """Describe all open descriptors, except the one that the listing itself uses."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found.append(describe_descriptor(int(name)))
    return sorted(found)


def describe_stream(stream):
    return stream and [stream.encoding, stream.errors, stream.line_buffering, stream.fileno()]


def read_status():
    """Return what the kernel reports of this process, without its number, size and times."""
    wanted = (
        "Umask",
        "Uid",
        "Gid",
        "SigPnd",
        "SigBlk",
        "SigIgn",
        "SigCgt",
        "Shd",
        "Cap",
        "NoNewPrivs",
        "Seccomp",
        "Cpus_allowed",
        "Threads",
    )
    return [line for line in read_own("status").decode().splitlines() if line.startswith(wanted)]


def run_env(**options):
    return subprocess.run(["/usr/bin/env", "-0"], stdout=subprocess.PIPE, **options).stdout


descriptors = list_descriptors()
report = {
    "needle": needle and needle.find(),
    "restarted": b"\0STACKENV_RESTARTED=" in b"\0" + read_own("environ"),
    "pid": os.getpid(),
    "parent": os.getppid(),
    "argv": [ascii(word) for word in sys.argv],
    "orig_argv": [ascii(word) for word in getattr(sys, "orig_argv", [])],
    "cmdline": ascii(read_own("cmdline")),
    "comm": ascii(read_own("comm")),
    "exe": os.readlink("/proc/self/exe"),
    "flags": str(sys.flags),
    "warnings": sys.warnoptions,
    "options": sorted(sys._xoptions.items()),
    "executable": sys.executable,
    "prefixes": [sys.prefix, sys.base_prefix, sys.exec_prefix],
    "main": __name__,
    # Without the entries of the stack.
    "path": [entry for entry in sys.path if "/Needle/" not in entry and "/SciPy-bundle/" not in entry],
    "environ": [ascii(name + b"=" + value) for name, value in os.environb.items()],
    "inherited": ascii(run_env()),
    "inherited_by_shell": ascii(run_env(close_fds=False, restore_signals=False)),
    "streams": [describe_stream(stream) for stream in (sys.stdin, sys.stdout, sys.stderr)],
    "encodings": [
        sys.getfilesystemencoding(),
        locale.getpreferredencoding(False),
        locale.setlocale(locale.LC_ALL),
    ],
    "status": read_status(),
    "descriptors": descriptors,
    "here": os.readlink("/proc/self/cwd"),
    "root": os.readlink("/proc/self/root"),
    "groups": [os.getpgid(0) == os.getpid(), os.getsid(0) == os.getpid(), os.getpgid(0) == os.getppid()],
    "nice": os.nice(0),
    "limits": [resource.getrlimit(number) for number in range(16)],
    "scheduling": [os.sched_getscheduler(0), sorted(os.sched_getaffinity(0))],
    "oom": ascii(read_own("oom_score_adj")),
    "handlers": [repr(signal.getsignal(number))[:40] for number in range(1, signal.NSIG)],
    "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "pending": sorted(signal.sigpending()),
    "timer": signal.getitimer(signal.ITIMER_REAL)[1],
    "hash": hash("stackenv") if os.environ.get("PYTHONHASHSEED", "random") != "random" else None,
}
if "read" in sys.argv:
    report["stdin"] = sys.stdin and sys.stdin.read()
with open(os.environ["OBSERVED"], "w") as stream:
    json.dump(report, stream)
if sys.stdout:
    print("observed")
