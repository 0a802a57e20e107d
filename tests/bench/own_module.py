"""The cost of loading the module stackenv, compared to an empty one: python tests/bench/own_module.py

Prints a table: medians of whole processes of Lmod, run in turn, and the median of the pairs' ratios; with
nothing loaded, and with a stack loaded, which Lmod checks again when MODULEPATH changes.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from built import CHECKOUT, LMOD
from stacked import open_stack

from stackenv.configuration.loader import load_configuration
from stackenv.lmod.bindings import Lmod
from stackenv.modulefile.text import render_module
from stackenv.site.stackenv_module import describe_stackenv_module

PAIRS = 25
NAMES = ("stackenv", "empty")


def write_modules(folder: Path) -> Path:
    """Write both modules below `folder`; return the folder for MODULEPATH."""
    spec = describe_stackenv_module(
        "stackenv/1.0", str(folder), load_configuration(CHECKOUT / "site-config/ubelix.yaml")
    )
    for name, text in zip(NAMES, (render_module(spec), "-- empty\n")):
        (folder / "modules" / name).mkdir(parents=True)
        (folder / "modules" / name / "1.0.lua").write_text(text)
    return folder / "modules"


def time_load(name: str, environ: dict[str, str]) -> float:
    """Return the seconds that Lmod takes to load `name`."""
    begin = time.perf_counter()
    subprocess.run([LMOD, "bash", "load", name], env=environ, capture_output=True, check=True)
    return time.perf_counter() - begin


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        modules, stack = write_modules(Path(folder)), open_stack("eb5-pythonpath")
        bare = {"HOME": folder, "USER": "anna", "WORKSPACE": folder, "PATH": os.environ["PATH"]}
        bare["MODULEPATH"] = f"{modules}:{stack.modulepath}"
        loaded = dict(Lmod(LMOD, bare).load(stack.bundle_module).environ)
        print(f"{'loaded before':20} {'stackenv, ms':>14} {'empty, ms':>14} {'ratio':>7}")
        for what, environ in (("nothing", bare), (stack.bundle_module, loaded)):
            pairs = []
            for _ in range(PAIRS):
                times = {name: time_load(name, environ) for name in random.sample(NAMES, 2)}
                pairs.append((times["stackenv"], times["empty"]))
            ours, empty = (statistics.median(pair[i] for pair in pairs) * 1000 for i in (0, 1))
            ratio = statistics.median(a / b for a, b in pairs)
            print(f"{what[:20]:20} {ours:14.0f} {empty:14.0f} {ratio:7.2f}")


if __name__ == "__main__":
    main()
