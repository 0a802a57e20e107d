"""The load test of a modulefile in real shells, because EasyBuild never loads the final one.

The modulefile is written to a temporary MODULEPATH and loaded with a temporary HOME. The base is activated,
with conda and with the module's mamba if it has one, and its python runs. After the unload, the environment
must be the same as before, apart from what Lmod does for any module: it writes each path variable that it
changes without duplicates, empty entries and double slashes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from stackenv.configuration.settings import LoadTestSettings
from stackenv.errors import VerificationError
from stackenv.lmod.bindings import find_lmod
from stackenv.modulefile import SHIPPED
from stackenv.modulefile.lua_string import quote_lua
from stackenv.modulefile.templates import fill_placeholders
from stackenv.plain_files import read_file_text

# The command of each shell, with an option against the start-up files of the build host's admin if there is
# one, and the dialect of its script.
START = {
    "bash": (("bash", "--norc", "--noprofile"), "sh"),
    "zsh": (("zsh", "-f"), "sh"),
    "ksh": (("ksh",), "sh"),
    "mksh": (("mksh",), "sh"),
    "dash": (("dash",), "sh"),
    "tcsh": (("tcsh", "-f"), "csh"),
    "fish": (("fish",), "fish"),
}
# Lmod's own names for these shells.
LMOD_SHELL = {"mksh": "ksh", "dash": "sh"}
EMPTY_MODULE = "stackenv-load-test/empty"
# Prepended to a path variable and removed again, it shows how Lmod rewrites the rest.
NO_FOLDER = "/stackenv-load-test"
# The placeholders in the scripts for the programs to try.
PROGRAMS = ("PYTHON", "MAMBA", "COMMAND")
# Lmod's internal variables, and those in which a shell keeps its state.
NOT_A_TRACE = ("_ModuleTable", "__LMOD_", "LMOD_", "_LMFILES_")
NOT_A_TRACE_NAMES = frozenset({"_", "PWD", "OLDPWD", "SHLVL", "LOADEDMODULES", "MODULEPATH"})

# The values before and after, by the name of the variable.
Traces = dict[str, tuple[Optional[str], Optional[str]]]


@dataclass(frozen=True)
class Outcome:
    """The result of the load test in one shell; `problem` is empty if there was none."""

    shell: str
    problem: str


@dataclass(frozen=True)
class LoadTestReport:
    """The shells in which a modulefile passed, those that this host lacks, and warnings."""

    passed: tuple[str, ...]
    missing: tuple[str, ...]
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        missing = f" (not installed: {', '.join(self.missing)})" if self.missing else ""
        return f"load test passed in {', '.join(self.passed)}{missing}"


def run_load_test(
    text: str, module: str, root: str, programs: Mapping[str, str], settings: LoadTestSettings
) -> LoadTestReport:
    """Load the modulefile `text` in each installed shell of the site configuration; return the report.

    `module` is its name, `root` the installation that it points to, and `programs` the programs to try, by
    the placeholders in the scripts: PYTHON of a conda's base and MAMBA, or COMMAND.

    If not even an empty module loads in a shell, the shell is broken on this host: that is only a warning,
    except for bash.

    Raises
    ------
    VerificationError
        If the test fails in a shell; the message names the shell and contains its output.
    """
    lmod = find_lmod(os.environ)
    path = clean_path(os.environ.get("PATH", os.defpath), root)
    wanted = dict.fromkeys(settings.shells)
    shells = [shell for shell in wanted if shutil.which(START[shell][0][0], path=path)]
    if "bash" not in shells:
        raise VerificationError("the modulefile cannot be tested: bash not found on PATH")
    with tempfile.TemporaryDirectory(prefix="stackenv-load-test-") as folder:
        load_test = LoadTest(Path(folder), lmod, module, programs, settings.timeout_s, path)
        load_test.write_module(module, text)
        load_test.write_module(EMPTY_MODULE, "-- empty\n")
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            outcomes = list(pool.map(load_test.run, shells))
        failures = [outcome for outcome in outcomes if outcome.problem]
        broken = [f.shell for f in failures if f.shell != "bash" and load_test.run_empty(f.shell).problem]
    refuse([failure for failure in failures if failure.shell not in broken])
    return LoadTestReport(
        tuple(shell for shell in shells if shell not in broken),
        tuple(shell for shell in wanted if shell not in shells),
        tuple(f"{shell} does not work with Lmod on this host; module not tested in it" for shell in broken),
    )


def refuse(failures: Sequence[Outcome]) -> None:
    """Raise VerificationError for `failures`, with the output of each shell; return if there are none."""
    if failures:
        details = "\n".join(f"  in {failure.shell}: {failure.problem}" for failure in failures)
        raise VerificationError(
            f"the new modulefile failed its load test and was not written\n{details}",
            "fix the error above, or, if no user has that shell, remove it from conda.load_test.shells in "
            "the site configuration",
        )


@dataclass(frozen=True)
class LoadTest:
    """The settings of a load test: its folder, Lmod, what is loaded, the time limit per shell, and PATH."""

    folder: Path
    lmod: str
    module: str
    programs: Mapping[str, str]
    timeout_s: int
    path: str

    def write_module(self, name: str, text: str) -> None:
        """Write the modulefile of the module `name`."""
        file = self.folder / "modules" / f"{name}.lua"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def run(self, shell: str) -> Outcome:
        """Return the outcome of the whole load test in `shell`."""
        problem = self._run(shell, self.module, self.programs)
        if problem:
            return Outcome(shell, problem)
        traces = find_traces(self._home(shell, self.module))
        return Outcome(shell, describe_traces(self._leave_out_normalized(shell, traces)))

    def run_empty(self, shell: str) -> Outcome:
        """Return the outcome of loading and unloading an empty module in `shell`."""
        problem = self._run(shell, EMPTY_MODULE, {})
        return Outcome(shell, problem or describe_traces(find_traces(self._home(shell, EMPTY_MODULE))))

    def _leave_out_normalized(self, shell: str, traces: Traces) -> Traces:
        """Return `traces` without the variables that Lmod would have rewritten for any module.

        Lmod is run to find out, because the result depends on its version, LMOD_DUPLICATE_PATHS and
        LMOD_TMOD_PATH_RULE.
        """
        names = [name for name, (before, after) in traces.items() if before and after]
        if not names:
            return traces
        module = f"stackenv-load-test/rewriting-{shell}"
        lines = (f"prepend_path({quote_lua(name)}, {quote_lua(NO_FOLDER)})\n" for name in names)
        self.write_module(module, "".join(lines))
        if self._run(shell, module, {}):
            return traces
        rewritten = read_environment(self._home(shell, module) / "after")
        return {name: values for name, values in traces.items() if rewritten.get(name) != values[1]}

    def _home(self, shell: str, module: str) -> Path:
        return self.folder / f"{shell}-{module.replace('/', '-')}"

    def _run(self, shell: str, module: str, programs: Mapping[str, str]) -> str:
        """Run the script of `shell` for `module`; return what went wrong, or an empty text."""
        command, dialect = START[shell]
        script = read_file_text(SHIPPED / f"load_test/load_test.{dialect}")
        home = self._home(shell, module)
        home.mkdir()
        values = {
            "LMOD": self.lmod,
            "SHELL": LMOD_SHELL.get(shell, shell),
            "MODULE": module,
            **dict.fromkeys(PROGRAMS, ""),
            **programs,
        }
        (home / "script").write_text(fill_placeholders(script, values, dialect), encoding="utf-8")
        try:
            done = subprocess.run(
                [*command, "script"],
                cwd=home,
                env=self._environment(home),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=self.timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"{read_step(home)}: timed out after {self.timeout_s} s"
        if done.returncode:
            words = (done.stderr + done.stdout).strip() or f"exit status {done.returncode}"
            return f"{read_step(home)}: {words}"
        return ""

    def _environment(self, home: Path) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if k.startswith("LMOD_") or k == "LANG"}
        modulepath = [str(self.folder / "modules"), *os.environ.get("MODULEPATH", "").split(":")]
        return {
            **kept,
            "PATH": self.path,
            "HOME": str(home),
            "TERM": "dumb",
            "MODULEPATH": ":".join(filter(None, modulepath)),
        }


def read_step(home: Path) -> str:
    """Return the step that the script in `home` had reached."""
    step = home / "step"
    return read_file_text(step) if step.exists() else "starting the shell"


def read_environment(path: Path) -> dict[str, str]:
    """Return the environment in `path`, written by `env -0`, without Lmod's internal variables."""
    entries = read_file_text(path, errors="surrogateescape").split("\0")
    pairs = (entry.partition("=") for entry in entries if entry)
    return {
        name: value
        for name, _, value in pairs
        if not name.startswith(NOT_A_TRACE) and name not in NOT_A_TRACE_NAMES
    }


def clean_path(path: str, root: str) -> str:
    """Return the folders of `path`, a value of PATH, each once, without those of the installation at `root`.

    Lmod and conda rewrite other entries, whatever the module does. An admin may also have the installation's
    module loaded, and the unload in the test would remove its folders.
    """
    real = Path(os.path.realpath(root))
    folders = dict.fromkeys(os.path.realpath(entry) for entry in path.split(":") if entry.startswith("/"))
    return ":".join(folder for folder in folders if not Path(folder).is_relative_to(real))


def find_traces(home: Path) -> Traces:
    """Return the changes that load and unload left in the environment, by the name of the variable."""
    before, after = read_environment(home / "before"), read_environment(home / "after")
    names = sorted(before.keys() | after.keys())
    return {
        name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)
    }


def describe_traces(traces: Traces) -> str:
    """Return a sentence about `traces`; empty if there are none."""
    details = "; ".join(
        f"{name} was {before!r} and is now {after!r}" for name, (before, after) in traces.items()
    )
    return f"module unload does not restore the environment: {details}" if traces else ""
