"""Programs that use Lmod, such as EasyBuild and Jupyter: they set variables and run no shell code."""

from __future__ import annotations

import ast
import re
import subprocess

from built import LMOD

ASSIGNED = re.compile(r'^os\.environ\["?([^\]"]+)"?\] = (".*"|\'.*\');?$')
DELETED = re.compile(r"^del os\.environ\[(.*)\]")


def drive(environ: dict[str, str], *arguments: str) -> dict[str, str]:
    """Return `environ` after `lmod python ARGUMENTS`, read as text and never executed."""
    done = subprocess.run(
        [LMOD, "python", *arguments], env=environ, capture_output=True, text=True, check=True
    )
    after = dict(environ)
    for line in done.stdout.splitlines():
        assigned, deleted = ASSIGNED.match(line.strip()), DELETED.match(line.strip())
        if assigned:
            after[assigned.group(1)] = ast.literal_eval(assigned.group(2))
        elif deleted:
            after.pop(ast.literal_eval(deleted.group(1)), None)
    return after


def test_load_and_unload_by_a_program_leave_no_conda_or_stackenv_variables(built_modules, tmp_path) -> None:
    before = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "MODULEPATH": built_modules.modulepath}
    loaded = drive(before, "load", "Anaconda3/2024.02-1")
    assert loaded["STACKENV_CONDA_BEFORE"] == "clean" and "CONDA_EXE" in loaded
    after = drive(loaded, "unload", "Anaconda3")
    left = {name for name, value in after.items() if value and re.match("STACKENV|CONDA|_CE_", name)}
    assert left == set()
