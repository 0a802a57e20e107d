"""The hooks, each call timed into the file STACKENV_BENCH_TIMES; for cost.py."""

import functools
import importlib.util
import os
import time
from pathlib import Path

HOOKS = Path(__file__).resolve().parents[2] / "hooks/stackenv_hooks.py"
begin = time.perf_counter()
spec = importlib.util.spec_from_file_location("stackenv_hooks_timed", HOOKS)
ours = importlib.util.module_from_spec(spec)
spec.loader.exec_module(ours)


def note(kind, seconds):
    with Path(os.environ["STACKENV_BENCH_TIMES"]).open("a") as stream:
        stream.write(f"{kind} {seconds:.6f}\n")


def timed(kind, function):
    @functools.wraps(function)
    def measured(*args, **kwargs):
        start = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            note(kind, time.perf_counter() - start)

    return measured


note("hooks", time.perf_counter() - begin)
validate = ours.adapter.validate_condarc
ours.adapter.run_load_test = timed("load_test", ours.adapter.run_load_test)
ours.adapter.validate_condarc = timed("version", lambda *args: list(validate(*args)))
ours.adapter.find_conda_version = timed("version", ours.adapter.find_conda_version)
globals().update({name: timed("hooks", f) for name, f in vars(ours).items() if name.endswith("_hook")})
