"""What a night of a user's brings: half-set variables, a broken ~/.condarc, old lines in scripts."""

from __future__ import annotations

import pytest
from session import differences

pytestmark = [pytest.mark.some_shells, pytest.mark.both_activations]

LOAD = "module load Anaconda3/2024.02-1"
UNLOAD = "module unload Anaconda3"
OURS = {"variables", "functions"}


def test_unload_ends_when_conda_prefix_was_unset_by_hand(session) -> None:
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


def test_unload_leaves_every_level_when_conda_itself_fails(session, stack) -> None:
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


def test_a_broken_condarc_is_told_in_condas_words_only(session, stack) -> None:
    (stack.home / ".condarc").write_text("channels: [a\n")
    result = session.check(LOAD, "conda activate one").run()
    assert result.statuses[1] != 0
    # conda shows its own report; nothing of ours may stand above it.
    assert result.stderr.lstrip().startswith("# >>>>"), result.stderr
    assert ".condarc" in result.stderr and "KeyError" not in result.stderr


def test_after_a_swap_the_shell_is_as_after_a_clean_load(session, stack) -> None:
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


def test_the_users_value_comes_back_from_an_environments_variable(session, stack) -> None:
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


def test_bash_children_work_after_condas_own_conda_sh(session, stack) -> None:
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


def test_conda_run_never_finds_the_bases_programs(session, stack) -> None:
    result = session.check(LOAD, "conda run -n one pip --version", "conda run -n one python").run()
    assert result.statuses == [0, 1, 0], result.stderr
    assert "python of one" in result.stdout
    assert "has no pip" in result.stdout + result.stderr


def test_our_pip_stands_in_front_of_a_module_loaded_before_the_activation(session, stack) -> None:
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


def test_a_conda_of_the_users_that_is_not_on_disk_keeps_its_variables(session) -> None:
    session.environ = {**session.environ, "CONDA_EXE": "/nowhere/bin/conda"}
    result = session.snapshot("before").check(LOAD, UNLOAD).snapshot("after").run()
    after = result.snapshots["after"].environment
    assert after["CONDA_EXE"] == "/nowhere/bin/conda"
    assert "CONDA_SHLVL" not in after and "STACKENV_CONDA_BEFORE" not in after
