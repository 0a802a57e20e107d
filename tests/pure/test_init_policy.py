"""What `conda init` does for each value of `conda.init`; echo replaces conda itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from stackenv.modulefile.templates import fill_placeholders, open_templates, read_source

VALUES = {
    "PYTHON": "/bin/echo",
    "CONDA": "conda",
    "INIT_MESSAGE": "not needed here",
    "INIT_REFUSAL": "hint: add `module load M` to this script",
}


def run_program(
    name: str, configuration: str, folder: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    text = read_source(open_templates(None), f"libexec/{name}")
    program = folder / name
    program.write_text(fill_placeholders(text, {**VALUES, "INIT_POLICY": configuration}, "sh"))
    program.chmod(0o755)
    words = [str(program), "init", *(arguments or ("bash",))]
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["conda", "conda-init"])
def test_allow_runs_conda_init_without_a_message(name: str, tmp_path: Path) -> None:
    done = run_program(name, "allow", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "-I conda init bash\n", "")


@pytest.mark.parametrize("name", ["conda", "conda-init"])
def test_warn_prints_the_message_and_runs_conda_init(name: str, tmp_path: Path) -> None:
    done = run_program(name, "warn", tmp_path)
    assert (done.returncode, done.stdout) == (0, "-I conda init bash\n")
    assert done.stderr == "not needed here\n"


@pytest.mark.parametrize(
    ("name", "words"),
    [("conda", "hint: add `module load M` to this script\n"), ("conda-init", "not needed here\n")],
)
def test_refuse_prints_a_message_and_does_not_run_conda_init(name: str, words: str, tmp_path: Path) -> None:
    done = run_program(name, "refuse", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", words)


@pytest.mark.parametrize("name", ["conda", "conda-init"])
@pytest.mark.parametrize("configuration", ["refuse", "warn"])
@pytest.mark.parametrize(
    "words", ["--reverse", "--all --reverse --dry-run", "zsh -d --reverse", "--help", "-h"], ids=str
)
def test_reverse_and_help_are_always_passed_to_conda_init(
    name: str, configuration: str, words: str, tmp_path
) -> None:
    done = run_program(name, configuration, tmp_path, *words.split())
    assert (done.returncode, done.stdout, done.stderr) == (0, f"-I conda init {words}\n", "")
