"""EasyBuild's own pip installs into Python modules, although the site's pip guard stops users."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from guarded import GUARD, OS_PYTHON, REFUSED, REFUSED_STATUS, make_guard
from runner import EasyBuild
from stacked import open_stack

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def modules():
    return open_stack("eb5-pythonpath")


def build_bundle(easybuild: EasyBuild, modules, **rest) -> subprocess.CompletedProcess[str]:
    """Build a bundle of Python packages on the stack's Python module, as a site does."""
    easyconfig = easybuild.prefix.parent / "packaging-bundle-1.0.eb"
    easyconfig.write_text(BUNDLE.format(python=modules.python_module.partition("/")[2].split("-", 1)))
    return easybuild.run(
        str(easyconfig),
        MODULEPATH=modules.modulepath,
        EASYBUILD_SOURCEPATH=modules.wheels,
        EASYBUILD_DISABLE_RPATH="1",
        **rest,
    )


BUNDLE = """
easyblock = 'PythonBundle'
name = 'packaging-bundle'
version = '1.0'
homepage = 'https://python.org/'
description = "One package"
toolchain = SYSTEM
dependencies = [('Python', {python[0]!r}, '-{python[1]}')]
use_pip = True
exts_list = [('packaging', '23.1', {{
    'easyblock': 'PythonPackage', 'use_pip': True, 'unpack_sources': False,
    'sources': ['packaging-23.1-py3-none-any.whl'],
}})]
moduleclass = 'lang'
"""


@pytest.mark.any_value("easybuild")
def test_a_guard_in_etc_stops_users_of_a_python_module_but_not_easybuild(
    easybuild, modules, tmp_path
) -> None:
    guard = make_guard(tmp_path / "etc")
    build_bundle(easybuild, modules, hooks=None, **guard)
    assert list((easybuild.prefix / "software/packaging-bundle/1.0").rglob("packaging/version.py"))
    python = f"{modules.software}/{modules.python_module}/bin/python"
    words = (python, "-m", "pip", "install", "--no-deps", "--target", str(tmp_path / "tried"), "six")
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PIP_FIND_LINKS": modules.wheels, **guard}
    stopped = subprocess.run(words, env=environ, capture_output=True, text=True, check=False)
    assert (stopped.returncode, REFUSED in stopped.stderr) == (REFUSED_STATUS, True), stopped.stderr


def test_the_modules_set_no_pip_variables(modules) -> None:
    texts = [path.read_text() for path in Path(modules.modulepath).rglob("*.lua")]
    assert texts and not [text for text in texts if "PIP_" in text]


@pytest.fixture
def in_usr(tmp_path: Path):
    """The words that run a command with the guard in /usr, which is an overlay for this command alone."""
    if os.geteuid():
        pytest.skip("only root can put a file into /usr for the commands of this test alone")
    script = (
        f"mkdir {tmp_path}/layer && mount -t tmpfs tmpfs {tmp_path}/layer && cd {tmp_path}/layer && "
        f"mkdir upper work && cp {GUARD} upper/pip.conf && "
        "mount -t overlay overlay -o lowerdir=/usr,upperdir=upper,workdir=work /usr || exit 99; "
        'cd / && exec "$@"'
    )
    return ("unshare", "--mount", "--propagation=private", "sh", "-c", script, "sh")


def test_a_guard_in_usr_stops_only_the_os_python(in_usr, modules, tmp_path) -> None:
    def run(python: str, *words: str) -> subprocess.CompletedProcess[str]:
        environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PIP_NO_INDEX": "1"}
        environ["PIP_FIND_LINKS"] = modules.wheels
        (tmp_path / "layer").rmdir() if (tmp_path / "layer").exists() else None
        return subprocess.run(
            [*in_usr, python, *words], env=environ, capture_output=True, text=True, check=False
        )

    install = ("-m", "pip", "install", "--no-deps", "--target", str(tmp_path / "tried"), "six")
    stopped = run(OS_PYTHON, *install)
    if stopped.returncode == 99:
        pytest.skip(f"this machine mounts no overlay: {stopped.stderr}")
    assert (stopped.returncode, REFUSED in stopped.stderr) == (REFUSED_STATUS, True), stopped.stderr
    python = f"{modules.software}/{modules.python_module}/bin/python"
    done = run(python, *install)
    assert done.returncode == 0, done.stderr
    assert run(OS_PYTHON, "-m", "venv", "--without-pip", str(tmp_path / "venv")).returncode == 0
    in_venv = run(python, "-m", "pip", "--python", str(tmp_path / "venv"), "install", "--no-deps", "six")
    assert in_venv.returncode == 0, in_venv.stderr


@pytest.mark.any_value("easybuild")
def test_a_guard_in_usr_does_not_stop_a_build_without_hooks(in_usr, easybuild, modules, monkeypatch) -> None:
    def run(command: list[str], **options) -> subprocess.CompletedProcess[str]:
        return original([*in_usr, *command], **options)

    original = subprocess.run
    monkeypatch.setattr(subprocess, "run", run)
    done = build_bundle(easybuild, modules, hooks=None, check=False)
    if done.returncode == 99:
        pytest.skip(f"this machine mounts no overlay: {done.stderr}")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.any_value("built")
def test_base_gets_a_pip_conf_and_the_sites_own_file_is_kept(built) -> None:
    file = built.prefix / "software/Anaconda3/2024.02-1/pip.conf"
    ours = file.read_text()
    assert "require-virtualenv = false" in ours
    file.write_text("[global]\nindex-url = https://mirror.example/simple\n")
    try:
        done = built.build("--module-only", "--force")
        assert file.read_text() == "[global]\nindex-url = https://mirror.example/simple\n"
        assert f"{file} was not written by stackenv and is left unchanged" in done.stdout + done.stderr
    finally:
        file.write_text(ours)
    built.build("--module-only", "--force")
    assert file.read_text() == ours
