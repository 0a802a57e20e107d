"""Snakemake without modules: outside the environment, whose Python a rule runs, and installed in it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from needy_stack import NeedleStack
from programs import PROGRAMS, Carrier, share_carrier

(SNAKEMAKES_PACKAGES,) = (PROGRAMS.parent).glob("lib/python*/site-packages")
# caller.json has the variables that a rule is started with.
RULES = """\
rule all:
    input: "report.json", "script.txt"

rule report:
    output: "report.json"
    shell: "/usr/bin/python3 -Ic '{print}' >caller.json; ~/venvs/bio-1.0/bin/python ~/report.py >{{output}}"

rule script:
    output: "script.txt"
    {how}
"""
PRINT = "import json, os; print(json.dumps(dict(os.environ)))".replace("{", "{{").replace("}", "}}")
SCRIPT = (
    "import needle\nwith open(snakemake.output[0], 'w') as output:\n    print(needle.find(), file=output)\n"
)


@pytest.fixture(scope="module")
def carrier(needle_stack: NeedleStack, tmp_path_factory: pytest.TempPathFactory) -> Carrier:
    return share_carrier(tmp_path_factory, needle_stack, SNAKEMAKES_PACKAGES)


def run_rules(carrier: Carrier, folder: Path, how: str, *snakemake: str) -> None:
    """Run the rules, where `how` is the action that creates script.txt, and check the created files."""
    (folder / "Snakefile").write_text(RULES.format(print=PRINT, how=how))
    (folder / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [*snakemake, "--cores", "1"],
        env=carrier.environ,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and "stackenv" not in done.stderr, done.stderr
    caller = json.loads((folder / "caller.json").read_text())
    assert not [name for name in caller if name.startswith(("LD_", "PYTHON", "EB", "STACKENV"))]
    carrier.check((folder / "report.json").read_text(), caller)
    assert (folder / "script.txt").read_text() == "10\n"


@pytest.mark.any_value("needle_stack")
def test_a_rule_runs_the_environments_python(carrier: Carrier, tmp_path: Path) -> None:
    how = "shell: \"~/venvs/bio-1.0/bin/python -c 'import needle; print(needle.find())' >{output}\""
    run_rules(carrier, tmp_path, how, str(PROGRAMS / "snakemake"))


@pytest.mark.any_value("needle_stack")
def test_snakemake_installed_in_the_environment_runs_a_script(carrier: Carrier, tmp_path: Path) -> None:
    run_rules(carrier, tmp_path, 'script: "script.py"', carrier.python, "-m", "snakemake")
