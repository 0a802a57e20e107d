"""The hooks for cost.py; the time of each call is written to the file STACKENV_BENCH_TIMES."""

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
# Importable now, because the hooks have found the package.
from stackenv.site import base, software  # noqa: E402


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
validate = software.validate_condarc
software.run_load_test = timed("load_test", software.run_load_test)
software.validate_condarc = timed("version", lambda *args: list(validate(*args)))
base.find_conda_version = timed("version", base.find_conda_version)
globals().update({name: timed("hooks", f) for name, f in vars(ours).items() if name.endswith("_hook")})
