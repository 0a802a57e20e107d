"""Broken situations that users get into: half-set variables, a broken ~/.condarc, old lines in scripts."""

from __future__ import annotations

import pytest
from session import differences

pytestmark = [pytest.mark.some_shells, pytest.mark.both_activations]

LOAD = "module load Anaconda3/2024.02-1"
UNLOAD = "module unload Anaconda3"
OURS = {"variables", "functions"}


def test_unload_completes_when_conda_prefix_was_unset_by_hand(session) -> None:
    result = (
        session.snapshot("before")
        .check(LOAD, "conda activate one")
        .unset("CONDA_PREFIX")
        .check(UNLOAD)
        .snapshot("after")
        .run(60)
    )
    left = differences(result.snapshots["before"], result.snapshots["after"]).keys() - OURS
    assert left == {"STACKENV_TEST_ONE"}, result.stderr
    assert "it was deactivated without its scripts" in result.stderr


def test_unload_deactivates_every_level_when_conda_itself_fails(session, stack) -> None:
    result = (
        session.snapshot("before")
        .check(LOAD, "conda activate one", "conda activate --stack two")
        .do(f"echo 'channels: [a' > {stack.home}/.condarc")
        .check(UNLOAD)
        .snapshot("after")
        .run(60)
    )
    left = differences(result.snapshots["before"], result.snapshots["after"]).keys() - OURS
    assert left == {"STACKENV_TEST_ONE", "STACKENV_TEST_TWO"}, result.stderr
    assert "it was deactivated without its scripts" in result.stderr


def test_a_broken_condarc_is_reported_in_condas_own_words_only(session, stack) -> None:
    (stack.home / ".condarc").write_text("channels: [a\n")
    result = session.check(LOAD, "conda activate one").run()
    assert result.statuses[1] != 0
    # conda shows its own report; stackenv must not print anything above it.
    assert result.stderr.lstrip().startswith("# >>>>"), result.stderr
    assert ".condarc" in result.stderr and "KeyError" not in result.stderr


def test_a_swap_leaves_the_shell_as_a_clean_load_does(session, stack) -> None:
    result = (
        session.check("module load Anaconda3/2023.09-0")
        .snapshot("clean")
        .check(UNLOAD, LOAD, "conda activate one")
        .check("module swap Anaconda3/2024.02-1 Anaconda3/2023.09-0")
        .snapshot("swapped")
        .run()
    )
    assert differences(result.snapshots["clean"], result.snapshots["swapped"]) == {}
    assert f"{stack.root('2023.09-0')}/bin" in result.snapshots["swapped"].path


def test_unload_restores_a_user_value_that_an_environment_replaced(session, stack) -> None:
    state = stack.environments / "one/conda-meta/state"
    state.write_text('{"env_vars": {"MINE": "of the environment"}}')
    result = (
        session.export("MINE", "of the user")
        .snapshot("before")
        .check(LOAD, "conda activate one")
        .snapshot("one")
        .check(UNLOAD)
        .snapshot("after")
        .run()
    )
    assert result.snapshots["one"].environment["MINE"] == "of the environment"
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}


def test_bash_scripts_find_conda_after_condas_own_conda_sh_was_sourced(session, stack) -> None:
    if session.dialect.name != "bash":
        pytest.skip("only bash exports functions")
    (session.folder / "child").write_text("conda --version\nconda activate one\npython\n")
    result = (
        session.snapshot("before")
        .do(LOAD, f". {stack.root('2024.02-1')}/etc/profile.d/conda.sh", f"bash {session.folder}/child")
        .check(UNLOAD)
        .snapshot("after")
        .run()
    )
    assert result.stdout == "conda 24.7.1\npython of one\n", result.stderr
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}


def test_conda_run_never_finds_programs_of_base(session, stack) -> None:
    result = session.check(LOAD, "conda run -n one pip --version", "conda run -n one python").run()
    assert result.statuses == [0, 1, 0], result.stderr
    assert "python of one" in result.stdout
    assert "has no pip" in result.stdout + result.stderr


def test_the_pip_of_another_module_is_hidden_while_an_environment_is_active(session, stack) -> None:
    modulefile = stack.folder("modules") / "Py/1.lua"
    modulefile.parent.mkdir()
    other = stack.folder("py") / "bin"
    other.mkdir()
    (other / "pip").write_text("#!/bin/sh\necho 'pip of Py'\n")
    (other / "pip").chmod(0o755)
    modulefile.write_text(f'prepend_path("PATH", "{other}")\n')
    session.environ = {
        **session.environ,
        "MODULEPATH": f"{modulefile.parents[1]}:{session.environ['MODULEPATH']}",
    }
    result = (
        session.check(LOAD, "module load Py", "conda activate one", "pip --version")
        .check("conda deactivate", "pip --version", "conda activate one", LOAD, "pip --version")
        .run()
    )
    assert result.statuses == [0, 0, 0, 1, 0, 0, 0, 0, 1], result.stderr
    assert "pip of Py" in result.stdout


def test_the_variables_of_a_missing_user_conda_are_kept(session) -> None:
    session.environ = {**session.environ, "CONDA_EXE": "/nowhere/bin/conda"}
    result = session.snapshot("before").check(LOAD, UNLOAD).snapshot("after").run()
    assert result.statuses == [0, 0], result.stderr
    after = result.snapshots["after"].environment
    assert after["CONDA_EXE"] == "/nowhere/bin/conda"
    assert "CONDA_SHLVL" not in after and "STACKENV_CONDA_BEFORE" not in after
