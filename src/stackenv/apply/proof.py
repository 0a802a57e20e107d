"""The proof of a modulefile: EasyBuild never loads the final one, so this does, in real shells.

The text is written to a temporary MODULEPATH and loaded with a temporary HOME; the base is activated,
its python runs, and after the unload the environment is what it was.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from stackenv.apply.proof_scripts import LMOD_SHELL, START
from stackenv.errors import ProofError
from stackenv.facts.installation import CondaInstallation
from stackenv.facts.lmod import find_lmod
from stackenv.policy import ProofPolicy
from stackenv.render.sources import fill_placeholders

EMPTY_MODULE = "stackenv-proof/empty"
# Lmod's own books, and what a shell keeps of its last command.
NOT_A_TRACE = ("_ModuleTable", "__LMOD_", "LMOD_", "_LMFILES_")
NOT_A_TRACE_NAMES = frozenset({"_", "PWD", "OLDPWD", "SHLVL", "LOADEDMODULES", "MODULEPATH"})


@dataclass(frozen=True)
class Outcome:
    """What one shell made of the proof: `problem` is empty when all was right."""

    shell: str
    problem: str


def prove_module(text: str, installation: CondaInstallation, policy: ProofPolicy) -> list[str]:
    """Load the modulefile `text` in each installed shell of the policy; return warnings.

    A shell in which even an empty module does not load is broken on this host: that is a warning,
    except for bash.

    Raises
    ------
    ProofError
        When a shell did not get through; the message names it and holds its own words.
    """
    lmod = find_lmod(os.environ)
    shells = [shell for shell in dict.fromkeys(policy.shells) if shutil.which(START[shell][0][0])]
    if "bash" not in shells:
        raise ProofError("the modulefile cannot be proven: there is no bash on PATH")
    with tempfile.TemporaryDirectory(prefix="stackenv-proof-") as folder:
        modules = Path(folder, "modules")
        for name, contents in ((installation.module, text), (EMPTY_MODULE, "-- empty\n")):
            path = modules / f"{name}.lua"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(contents, encoding="utf-8")
        proof = Proof(Path(folder), lmod, installation, policy.timeout_s)
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            outcomes = list(pool.map(proof.run, shells))
        failures = [outcome for outcome in outcomes if outcome.problem]
        broken = [f.shell for f in failures if f.shell != "bash" and proof.run_empty(f.shell).problem]
    refuse([failure for failure in failures if failure.shell not in broken])
    return [
        f"{shell} does not work with Lmod on this host, so nothing is known about the module there"
        for shell in broken
    ]


def refuse(failures: Sequence[Outcome]) -> None:
    """Raise ProofError for `failures`, each with the shell's own words; none: return."""
    if failures:
        details = "\n".join(f"  in {failure.shell}: {failure.problem}" for failure in failures)
        raise ProofError(
            f"the new modulefile was not written, for it did not pass its proof\n{details}",
            "mend what the shell says; a shell that no user has can leave conda.proof.shells in the policy",
        )


@dataclass(frozen=True)
class Proof:
    """How the proof runs: its folder, Lmod, the installation and the time each shell has."""

    folder: Path
    lmod: str
    installation: CondaInstallation
    timeout_s: int

    def run(self, shell: str) -> Outcome:
        """Return the outcome of the whole proof in `shell`."""
        python = f"{self.installation.root}/bin/python"
        return self._run(shell, self.installation.module, python)

    def run_empty(self, shell: str) -> Outcome:
        """Return the outcome of loading and unloading an empty module in `shell`."""
        return self._run(shell, EMPTY_MODULE, "")

    def _run(self, shell: str, module: str, python: str) -> Outcome:
        command, dialect, script = START[shell]
        home = self.folder / f"{shell}-{module.replace('/', '-')}"
        home.mkdir()
        values = {
            "LMOD": self.lmod,
            "SHELL": LMOD_SHELL.get(shell, shell),
            "MODULE": module,
            "PYTHON": python,
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
            return Outcome(shell, f"{read_step(home)}: no end after {self.timeout_s} s")
        if done.returncode:
            words = (done.stderr + done.stdout).strip() or f"exit status {done.returncode}"
            return Outcome(shell, f"{read_step(home)}: {words}")
        return Outcome(shell, find_traces(home))

    def _environment(self, home: Path) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if k.startswith("LMOD_") or k in ("PATH", "LANG")}
        modulepath = [str(self.folder / "modules"), *os.environ.get("MODULEPATH", "").split(":")]
        return {
            **kept,
            "HOME": str(home),
            "TERM": "dumb",
            "MODULEPATH": ":".join(filter(None, modulepath)),
        }


def read_step(home: Path) -> str:
    """Return the step that the script in `home` was at."""
    step = home / "step"
    return step.read_text(encoding="utf-8") if step.exists() else "start of the shell"


def read_environment(path: Path) -> dict[str, str]:
    """Return the environment in `path`, as `env -0` wrote it, without Lmod's own books."""
    entries = path.read_text(encoding="utf-8", errors="surrogateescape").split("\0")
    pairs = (entry.partition("=") for entry in entries if entry)
    return {
        name: value
        for name, _, value in pairs
        if not name.startswith(NOT_A_TRACE) and name not in NOT_A_TRACE_NAMES
    }


def find_traces(home: Path) -> str:
    """Return what load and unload have left in the environment, a sentence; empty when nothing."""
    before, after = read_environment(home / "before"), read_environment(home / "after")
    changed = [name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]
    if not changed:
        return ""
    details = "; ".join(f"{n} was {before.get(n)!r} and is {after.get(n)!r}" for n in changed)
    return f"module unload leaves a trace: {details}"
