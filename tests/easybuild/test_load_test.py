"""The load test of a build: which changes it reports as left behind by the module, and which it accepts."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from runner import LMOD, WORK

from stackenv.configuration.settings import LoadTestSettings
from stackenv.errors import VerificationError
from stackenv.site.load_test import LoadTestReport, run_load_test

MODULE = "Anaconda3/2024.02-1"
SHELLS = ("bash", "zsh", "ksh", "mksh", "dash", "tcsh", "fish")
SYSTEM = "/usr/local/bin:/usr/bin:/bin"
LEFT_BEHIND = {
    "a folder on PATH": 'if mode() == "load" then prepend_path("PATH", "/left/behind") end',
    "a folder taken from PATH": 'if mode() == "unload" then remove_path("PATH", "/usr/local/bin") end',
    "a variable": 'if mode() == "load" then setenv("LEFT_BEHIND", "/left//behind:") end',
}
CONDA = (
    'execute{cmd = myShellType() == "fish" and "function conda; end" or "conda() { :; }", modeA = {"unload"}}'
)


@pytest.fixture
def load_test(built_modules, monkeypatch):
    """A function that runs the load test with `more` in the modulefile and `path` as PATH.

    The module is Anaconda3 or, with `mamba`, Miniforge3.
    """
    monkeypatch.setenv("LMOD_CMD", LMOD)

    def run(
        more: str = "", shells: tuple[str, ...] = SHELLS, path: str = SYSTEM, mamba: str = ""
    ) -> LoadTestReport:
        module = built_modules.miniforge if mamba else MODULE
        root = f"{built_modules.software}/{module}"
        text = Path(built_modules.modulepath, f"{module}.lua").read_text()
        monkeypatch.setenv("PATH", path.format(root=root))
        programs = {"PYTHON": f"{root}/bin/python", "MAMBA": mamba}
        return run_load_test(f"{text}\n{more}\n", module, root, programs, LoadTestSettings(shells, 120))

    return run


def make_odd_path(folder: Path) -> str:
    """Return a PATH that Lmod or conda's activation rewrites; another conda is on it."""
    (folder / "conda").write_text("#!/bin/sh\n")
    (folder / "conda").chmod(0o755)
    return f":/usr/local/bin:/opt/x/:/opt//y:.:/opt/../z::/opt/a : /opt/b:{folder}:{SYSTEM}:"


@pytest.mark.parametrize("duplicates", ["no", "yes"])
def test_a_path_rewritten_by_lmod_or_conda_is_accepted(load_test, tmp_path, monkeypatch, duplicates) -> None:
    monkeypatch.setenv("LMOD_DUPLICATE_PATHS", duplicates)
    assert load_test(path=make_odd_path(tmp_path)) == LoadTestReport(SHELLS, (), ())


def test_the_load_test_passes_with_the_module_already_on_path(load_test) -> None:
    path = "{root}/libexec/stackenv/condabin:{root}//condabin:{root}/bin/:" + SYSTEM
    assert load_test(shells=("bash", "tcsh", "fish"), path=path).passed == ("bash", "tcsh", "fish")


def test_a_variable_set_at_shell_startup_may_be_rewritten(load_test, tmp_path, monkeypatch) -> None:
    bash = tmp_path / "bash"
    bash.write_text('#!/bin/sh\nMANPATH=/opt//man:/opt/man: exec /bin/bash "$@"\n')
    bash.chmod(0o755)
    path = f"{tmp_path}:{SYSTEM}"
    assert load_test('prepend_path("MANPATH", "/opt/more")', ("bash",), path).passed == ("bash",)
    with pytest.raises(VerificationError, match="MANPATH was '/opt//man:/opt/man:' and is now '/opt/more:"):
        load_test('if mode() == "load" then prepend_path("MANPATH", "/opt/more") end', ("bash",), path)


def test_a_shell_that_is_not_installed_is_named(load_test, tmp_path) -> None:
    for name in ("bash", "env", "sh", "lua5.3", "lua"):
        where = shutil.which(name)
        if where:
            (tmp_path / name).symlink_to(where)
    report = load_test(shells=("bash", "fish"), path=str(tmp_path))
    assert str(report) == "load test passed in bash (not installed: fish)"


@pytest.mark.parametrize("more", LEFT_BEHIND.values(), ids=LEFT_BEHIND)
def test_a_change_that_unload_leaves_behind_is_an_error(load_test, tmp_path, more) -> None:
    with pytest.raises(
        VerificationError,
        match=r"in bash: module unload does not restore the environment: (PATH|LEFT_BEHIND) was",
    ):
        load_test(more, ("bash",), make_odd_path(tmp_path))


def test_a_conda_function_left_after_unload_is_found_in_every_shell(load_test, tmp_path) -> None:
    """Except tcsh, where `conda` is an alias."""
    shells = tuple(shell for shell in SHELLS if shell != "tcsh")
    with pytest.raises(VerificationError) as raised:
        load_test(CONDA, shells, make_odd_path(tmp_path))
    words = str(raised.value)
    found = [shell for shell in shells if f"in {shell}: no conda after unload: conda is still there" in words]
    assert found == list(shells)


def test_mamba_is_tested_too_and_a_function_left_behind_is_found(load_test) -> None:
    assert load_test(mamba="mamba").passed == SHELLS
    shells = tuple(shell for shell in SHELLS if shell != "tcsh")
    with pytest.raises(VerificationError) as raised:
        load_test(CONDA.replace("conda", "mamba"), shells, mamba="mamba")
    words = str(raised.value)
    assert [shell for shell in shells if f"in {shell}: no mamba after unload" in words] == list(shells)
    # As with the module of a conda without mamba whose load test tried mamba nevertheless.
    with pytest.raises(VerificationError, match="in bash: mamba activate base: "):
        load_test(
            "execute{cmd='mamba() { return 3; }', modeA={'load'}}",
            ("bash",),
            mamba="mamba",
        )


@pytest.mark.any_value("built")
def test_a_build_in_a_shell_with_an_odd_path_succeeds(built, tmp_path) -> None:
    path = make_odd_path(tmp_path)
    built.build("--module-only", "--force", PATH=f"{WORK / built.folder / 'bin'}:{path}{os.pathsep}")
