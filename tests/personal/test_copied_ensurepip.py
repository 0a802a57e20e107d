"""The pip that the stacks' ensurepip copies into a venv equals the one that CPython's ensurepip installs."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from pathlib import Path

import pytest
from stacked import Stack
from trees import list_files

REAL = {"STACKENV_TEST_AS_USERS": "1"}


@pytest.fixture(scope="module")
def venvs(one_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a venv with the copied pip, and one with the pip that CPython's ensurepip has installed."""
    folder = tmp_path_factory.mktemp("venvs")
    python = f"{one_stack.software}/{one_stack.python_module}/bin/python"
    for name, environ in (("copied", {}), ("real", REAL)):
        subprocess.run([python, "-I", "-m", "venv", folder / name], env=environ, check=True)
    return folder / "copied", folder / "real"


def test_copied_and_real_pip_have_the_same_files_and_modes(venvs) -> None:
    copied, real = ({name: (path / name).lstat().st_mode for name in list_files(path)} for path in venvs)
    assert copied == real
    assert any(name.startswith("lib/") and "pip/__init__.py" in name for name in copied)


def test_copied_and_real_pip_differ_only_in_the_path(venvs) -> None:
    copied, real = venvs
    for name in list_files(copied):
        if "__pycache__" in name or name.endswith("RECORD") or (copied / name).is_symlink():
            continue
        ours = (copied / name).read_bytes().replace(b"venvs0/copied", b"venvs0/real")
        assert ours.replace(b"(copied)", b"(real)") == (real / name).read_bytes(), name


def test_the_record_of_the_copied_pip_matches_its_scripts(venvs) -> None:
    copied, _ = venvs
    (record,) = copied.glob("lib/python*/site-packages/pip-*.dist-info/RECORD")
    scripts = [line for line in record.read_text().splitlines() if line.startswith("../../../bin/")]
    assert len(scripts) == 3
    for line in scripts:
        name, digest, size = line.split(",")
        text = (record.parent.parent / name).read_bytes()
        assert len(text) == int(size)
        found = base64.urlsafe_b64encode(hashlib.sha256(text).digest()).decode().rstrip("=")
        assert digest == f"sha256={found}"


def test_the_copied_pip_runs_and_uninstalls_itself(venvs) -> None:
    pip = venvs[0] / "bin/pip"
    version = subprocess.run([pip, "--version"], capture_output=True, text=True, check=True).stdout
    assert f" from {venvs[0]}/lib/" in version
    subprocess.run([pip, "uninstall", "-y", "pip", "setuptools"], capture_output=True, check=True)
    left = [name for name in list_files(venvs[0]) if "site-packages" in name and "__pycache__" not in name]
    assert left == [] and not pip.exists()


@pytest.mark.parametrize("name", ["with a space", "x" * 120])
def test_a_long_path_or_one_with_a_space_gets_the_real_pip_scripts(one_stack, tmp_path, name) -> None:
    python = f"{one_stack.software}/{one_stack.python_module}/bin/python"
    subprocess.run([python, "-I", "-m", "venv", tmp_path / name], env={}, check=True)
    script = tmp_path / name / "bin/pip"
    assert script.read_text().startswith("#!/bin/sh\n")
    assert subprocess.run([script, "--version"], capture_output=True, check=True).stdout
