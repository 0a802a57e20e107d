"""The costs and benefits of packing, in one run: python tests/bench/packed.py

Run it with the Python of .work/venv; the stack is one that the tests build. scipy, pandas and their
dependencies come from the package index, with your settings of pip. The cold loads need root, to drop the
system's caches; otherwise 0 is printed for them.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from built import LMOD
from cost import START, time_script
from personal import STACKENV, run, time_command
from stacked import open_stack

from stackenv.packing.image import read_image, require_same
from stackenv.packing.squashfs import choose_compression, extract_image, find_program, make_image
from stackenv.packing.tree import read_tree

RUNS = 5
IMPORT = "python -c 'import numpy, scipy, pandas'\n"
DROP = Path("/proc/sys/vm/drop_caches")
Row = tuple[str, str, str]


def count_opens(script: str, folder: Path, environ: dict[str, str]) -> int:
    """Return the number of files below `folder` that the processes of `script` open."""
    with tempfile.NamedTemporaryFile() as trace:
        strace = ["strace", "-f", "-qq", "-e", "trace=open,openat,execve", "-o", trace.name]
        run(*strace, "bash", "-c", script, environ=environ)
        text = Path(trace.name).read_text(errors="replace")
    called = re.findall(r'(?:open|openat|execve)\([^"\n]*"([^"]*)".* = \d', text)
    return sum(path.startswith(f"{folder}/") for path in called)


def measure_loads(load: str, environ: dict[str, str], forget: Callable[[], None]) -> tuple[float, float]:
    """Return the median seconds of `load`, cold and warm; 0 for cold without root."""
    cold = []
    for _ in range(RUNS if os.geteuid() == 0 else 0):
        forget()
        os.sync()
        DROP.write_text("3\n")
        cold.append(time_script(load, environ))
    warm = [time_script(load, environ) for _ in range(RUNS)]
    return (statistics.median(cold) if cold else 0.0), statistics.median(warm)


def time_call(call: Callable[[], None]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def measure_tools(prefix: Path, folder: Path) -> list[Row]:
    """Return the rows that compare stackenv's steps with plain commands, and the time of the verification."""
    mksquashfs, unsquashfs = (find_program(f"{n}squashfs", "squashfs-tools") for n in ("mk", "un"))
    plain = [mksquashfs, str(prefix), "", "-noappend", "-no-progress", *choose_compression(mksquashfs)]
    environ = dict(os.environ)
    pairs, back = [], []
    for number in range(RUNS):
        image, other = folder / f"a{number}", folder / f"b{number}"
        plain[2] = str(other)
        pack, unpack = folder / f"c{number}", folder / f"d{number}"
        words = [unsquashfs, "-no-progress", "-dest", str(unpack), str(other)]
        for found, ours, command in (
            (pairs, lambda: make_image(prefix, image), plain),  # noqa: B023
            (back, lambda: extract_image(image, pack), words),  # noqa: B023
        ):
            timed = {}
            # Each is first in turn, because the second waits for data that the first has not written yet.
            for which in ("ours", "plain") if number % 2 else ("plain", "ours"):
                os.sync()
                timed[which] = time_call(ours) if which == "ours" else time_command(command, environ)
            found.append((timed["plain"], timed["ours"]))
    begin = time.perf_counter()
    require_same(read_tree(prefix), read_image(folder / "a0"), "the image differs")
    verification = time.perf_counter() - begin
    rows = []
    for name, found in (("mksquashfs", pairs), ("unsquashfs", back)):
        ratio = statistics.median(a / b for a, b in found)
        times = " ".join(f"{statistics.median(c):.2f} s" for c in zip(*found))
        rows.append((f"{name}, the plain command against our step", ">= 0.9", f"{ratio:.2f}  ({times})"))
    return [*rows, ("  the verification of the image, apart", "report", f"{verification:.2f} s")]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        stack = open_stack("eb5-pythonpath")
        kept = {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "SSL_")) or k.endswith("_proxy")}
        environ = {
            **kept,
            "HOME": f"{folder}/home",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LMOD_CMD": LMOD,
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "MODULEPATH": stack.modulepath,
            "STACKENV_SITE_CONFIG": f"{folder}/site.yaml",
        }
        for name in ("home", "mounts", "images"):
            Path(folder, name).mkdir()
        Path(folder, "site.yaml").write_text(f"version: 1\npack: {{mounts: {folder}/mounts}}\n")
        create = ["create", "bench", "-m", stack.bundle_module, "scipy", "pandas"]
        run(STACKENV, *create, environ=environ)
        prefix = Path(folder, "home/venvs/bench-1.0")
        script = f"{START}module use {folder}/home/modules\nmodule load bench\n{IMPORT}"
        files = sum(len(names) for _, _, names in os.walk(prefix))
        before = count_opens(script, prefix, environ), *measure_loads(script, environ, lambda: None)
        rows = measure_tools(prefix, Path(folder, "images"))
        run(STACKENV, "pack", "bench", environ=environ)
        unload = [
            "bash",
            "-c",
            f"{START}module use {folder}/home/modules; module load bench; module unload bench",
        ]

        def forget() -> None:
            subprocess.run(unload, env=environ, check=True, capture_output=True)

        packed_files = sum(len(names) for _, _, names in os.walk(prefix))
        cold, warm = measure_loads(script, environ, forget)
        after = count_opens(script, prefix, environ), cold, warm
        forget()
    print(f"{os.cpu_count()} processors, medians of {RUNS} runs of whole processes")
    print(f"{'what':<58} {'wanted':>8}  packed against not")
    for name, wanted, a, b in (
        ("files of the environment", "report", packed_files, files),
        ("files opened on its file system: load, import", "report", after[0], before[0]),
        ("load and import, cold", "report", f"{after[1]:.2f} s", f"{before[1]:.2f} s"),
        ("load and import, warm", "report", f"{after[2]:.2f} s", f"{before[2]:.2f} s"),
    ):
        print(f"{name:<58} {wanted:>8}  {a} / {b}")
    for name, wanted, figure in rows:
        print(f"{name:<58} {wanted:>8}  {figure}")


if __name__ == "__main__":
    main()
