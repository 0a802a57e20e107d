"""The launch script, the launch program of an environment that contains it, and changes to kernels."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journals import leave, recover
from test_render_personal import PATHS, VENV

from stackenv import STACKENV_UUID
from stackenv.environments.launch import describe_launch, describe_launch_file
from stackenv.jupyter.kernels import write_kernel
from stackenv.jupyter.kernelspec import describe_kernelspec
from stackenv.modulefile.text import render_installed_file
from stackenv.record import Record
from stackenv.slurm.job import ACTIVE
from stackenv.transactions.changes import Change, RemoveFile, WriteFile


def test_the_launch_script_contains_no_single_quotes_to_escape() -> None:
    script = describe_launch("", "", "", "", (), True)[2]
    assert "'" not in script
    assert script in render_installed_file(describe_launch_file(VENV))


def test_the_launch_script_unsets_all_variables_that_a_job_unsets() -> None:
    unset = re.findall(r"^ +unset ([A-Z_ ]+)$", describe_launch("", "", "", "", (), True)[2], re.MULTILINE)
    assert set(ACTIVE) <= set(" ".join(unset).split())


RECORDS = st.builds(
    lambda path, folder, modulepath: Record(
        **{**vars(VENV), "path": path, "module_folder": folder, "modulepath": modulepath}
    ),
    PATHS,
    PATHS,
    PATHS,
)


@settings(max_examples=20, deadline=None)
@given(RECORDS)
def test_the_launch_program_passes_any_path_unchanged(record: Record) -> None:
    text = render_installed_file(describe_launch_file(record))
    # The last command prints its arguments instead of running them.
    shown = text.replace("exec /bin/sh", "printf '%s\\0'")
    done = subprocess.run(
        ["/bin/sh", "-c", shown, "launch", shutil.which("true"), "command", "a b"],
        env={},
        capture_output=True,
        check=True,
    )
    modulefile = f"{record.module_folder}/{record.full_name}.lua"
    words = done.stdout.decode(errors="surrogateescape").split("\0")[:-1]
    assert words[-5:-2] == [record.full_name, modulefile, f"{record.module_folder}:{record.modulepath}"]
    assert words[-2:] == ["command", "a b"]


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    """Write a kernel as stackenv does; return its kernel.json."""
    folder = tmp_path / "jupyter/kernels/stackenv-tool-1.0"
    write_kernel(folder, describe_kernelspec(VENV, "Tool", "/lmod", {}))
    return folder / "kernel.json"


def test_an_interrupted_change_to_a_kernel_is_finished(kernel: Path) -> None:
    folder, text = kernel.parents[3], kernel.read_text().replace("Tool", "Renamed")
    leave(folder, WriteFile(str(kernel), text))
    (sentence,) = recover(folder)
    assert sentence.endswith("tool/1.0 were finished")
    assert kernel.read_text() == text
    logo = kernel.with_name("logo-svg.svg")
    leave(folder, RemoveFile(str(logo)), RemoveFile(str(kernel)))
    recover(folder)
    assert not logo.exists()
    assert not kernel.exists()


@pytest.mark.parametrize("kind", ["another's", "another's text", "another file"])
def test_a_journal_changes_only_kernel_files_that_stackenv_wrote(kernel: Path, kind: str) -> None:
    folder = kernel.parents[3]
    changes: dict[str, Change] = {
        "another's": RemoveFile(str(kernel)),
        "another's text": WriteFile(str(kernel), "{}"),
        "another file": RemoveFile(str(kernel.with_name("kernel.js"))),
    }
    if kind == "another's":
        kernel.write_text(kernel.read_text().replace(STACKENV_UUID, "mine"))
    kernel.with_name("kernel.js").touch()
    before = kernel.read_text()
    leave(folder, changes[kind])
    (sentence,) = recover(folder)
    assert "is left alone" in sentence
    assert kernel.read_text() == before
    assert kernel.with_name("kernel.js").exists()
