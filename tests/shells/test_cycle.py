"""The complete cycle in each shell: what a load sets up, a reload keeps, and an unload removes."""

from __future__ import annotations

import pytest
from session import Result, Session, differences

pytestmark = [
    pytest.mark.some_shells,
    pytest.mark.both_activations,
    pytest.mark.site_install,
    pytest.mark.with_mamba,
]


def bin_of(stack, name: str) -> str:
    return f"{stack.environments}/{name}/bin"


def assert_no_trace(result: Result, first: str = "before", last: str = "after") -> None:
    assert first in result.snapshots and last in result.snapshots, result.stderr
    assert differences(result.snapshots[first], result.snapshots[last]) == {}, result.stderr
    assert result.stderr == ""


@pytest.mark.all_shells
def test_load_sets_up_and_unload_leaves_no_trace(session: Session, stack) -> None:
    result = (
        session.snapshot("before")
        .check(stack.load)
        .snapshot("loaded")
        .check(stack.unload)
        .snapshot("after")
        .run()
    )
    assert_no_trace(result)
    loaded = result.snapshots["loaded"]
    assert loaded.environment["CONDA_ENVS_PATH"] == str(stack.environments)
    assert loaded.environment["CONDA_PKGS_DIRS"] == str(stack.home / "conda/pkgs")
    root = stack.used
    assert loaded.path[:4] == [
        f"{root}/libexec/stackenv/condabin",
        f"{root}/condabin",
        f"{root}/bin",
        f"{root}/libexec/stackenv/pip",
    ]
    assert result.statuses == [0, 0]


@pytest.mark.all_shells
def test_activation_replaces_base_and_deactivation_restores_it(session, stack) -> None:
    result = (
        session.check(stack.load)
        .snapshot("loaded")
        .check(f"{stack.command} activate one")
        .do("python", "command -v python" if session.dialect.family != "csh" else "which python")
        .snapshot("one")
        .check(f"{stack.command} deactivate")
        .snapshot("left")
        .run()
    )
    assert result.statuses == [0, 0, 0], result.stderr
    assert result.stdout.splitlines() == ["python of one", f"{bin_of(stack, 'one')}/python"]
    active = result.snapshots["one"]
    assert active.environment["CONDA_DEFAULT_ENV"] == "one"
    assert active.environment["STACKENV_TEST_ONE"] == "1"
    assert f"{stack.root('2024.02-1')}/bin" not in active.path
    assert differences(result.snapshots["loaded"], result.snapshots["left"]) == {}


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_unload_deactivates_every_environment(session: Session, count: int, stack) -> None:
    session.snapshot("before").check(stack.load)
    for name in ["one", "two", "three"][:count]:
        session.check(f"{stack.command} activate {'--stack ' if name == 'two' else ''}{name}")
    result = session.snapshot("active").check(stack.unload).snapshot("after").run()
    assert_no_trace(result)
    assert result.snapshots["active"].environment.get("CONDA_SHLVL") == (str(count) if count else None)
    assert result.statuses == [0] * (count + 2)


@pytest.mark.each_value("count", "dialect")
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_reload_keeps_every_level_and_each_can_be_deactivated(session: Session, count: int, stack) -> None:
    names = ["one", "two", "three"][:count]
    session.check(stack.load)
    for level, name in enumerate(names):
        session.snapshot(f"level{level}").check(
            f"{stack.command} activate {'--stack ' if name == 'two' else ''}{name}"
        )
    session.snapshot("active").check(stack.load).snapshot("reloaded").do("python")
    for level in reversed(range(count)):
        session.check(f"{stack.command} deactivate").snapshot(f"back{level}")
    result = session.run()
    shots = result.snapshots
    assert result.stderr == ""
    assert differences(shots["active"], shots["reloaded"]) == {}
    assert result.stdout.split("\n")[0] == f"python of {names[-1]}"
    for level in range(count):
        assert differences(shots[f"level{level}"], shots[f"back{level}"]) == {}, level


def test_a_reload_uses_the_new_value_of_a_storage_variable(session: Session, stack) -> None:
    first, second = stack.folder("scratch first"), stack.folder("scratch second")
    result = (
        session.export("STACKENV_TEST_PLACE", str(first))
        .snapshot("before")
        .check(stack.load)
        .snapshot("first")
        .export("STACKENV_TEST_PLACE", str(second))
        .check(f"{stack.command} activate {session.dialect.quote(str(stack.environments / 'one'))}")
        .check(stack.load)
        .snapshot("second")
        .check(stack.unload)
        .export("STACKENV_TEST_PLACE", str(first))
        .snapshot("after")
        .run()
    )
    assert_no_trace(result)
    assert result.snapshots["first"].environment["CONDA_ENVS_PATH"] == f"{first}/conda/envs"
    assert result.snapshots["second"].environment["CONDA_ENVS_PATH"] == f"{second}/conda/envs"
    assert result.snapshots["second"].environment["CONDA_PKGS_DIRS"] == f"{second}/conda/pkgs"


@pytest.mark.all_shells
def test_a_swap_to_another_version_deactivates_all_environments(session, stack) -> None:
    result = (
        session.snapshot("before")
        .check(stack.load, f"{stack.command} activate one", f"{stack.command} activate --stack two")
        .check(f"module swap {stack.module} Anaconda3/2023.09-0")
        .snapshot("swapped")
        .check("conda activate one")
        .do("python")
        .check("module unload Anaconda3")
        .snapshot("after")
        .run()
    )
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}
    swapped = result.snapshots["swapped"].environment
    assert swapped["CONDA_EXE"] == f"{stack.root('2023.09-0')}/bin/conda"
    assert "CONDA_PREFIX" not in swapped and "CONDA_SHLVL" not in swapped
    assert stack.used not in swapped["PATH"]
    assert "python of one" in result.stdout


def test_loading_another_version_replaces_the_first(session: Session, stack) -> None:
    result = (
        session.snapshot("before")
        .check(stack.load, f"{stack.command} activate one", "module load Anaconda3/2023.09-0")
        .snapshot("swapped")
        .check("module unload Anaconda3")
        .snapshot("after")
        .run()
    )
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}
    assert result.snapshots["swapped"].environment["STACKENV_CONDA_ROOT"] == stack.root("2023.09-0")


def test_loading_another_distribution_replaces_the_first(session: Session, stack) -> None:
    result = (
        session.snapshot("before")
        .check(stack.load, f"{stack.command} activate one", f"module load {stack.miniconda}")
        .snapshot("swapped")
        .check("conda activate two")
        .do("python")
        .check("module purge")
        .snapshot("after")
        .run()
    )
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}
    assert stack.used not in result.snapshots["swapped"].environment["PATH"]
    assert "python of two" in result.stdout


def test_a_saved_collection_is_restored_after_a_purge(session: Session, stack) -> None:
    collection = f"cycle-{session.dialect.name}"
    result = (
        session.snapshot("before")
        .check(
            stack.load,
            f"module save {collection}",
            f"{stack.command} activate one",
            f"{stack.command} activate two",
        )
        .check("module purge")
        .snapshot("purged")
        .check(f"module restore {collection}")
        .snapshot("restored")
        .check(f"{stack.command} activate one")
        .do("python")
        .check(stack.unload)
        .snapshot("after")
        .run()
    )
    shots = result.snapshots
    assert differences(shots["before"], shots["purged"]) == {}
    assert "conda" in "\n".join(shots["restored"].functions)
    assert differences(shots["before"], shots["after"]) == {}, result.stderr
    assert "python of one" in result.stdout


def test_a_restore_over_a_loaded_module_keeps_the_active_environment(session: Session, stack) -> None:
    collection = f"over-{session.dialect.name}"
    result = (
        session.check(stack.load, f"module save {collection}", f"{stack.command} activate one")
        .check(f"module restore {collection}")
        .do("python")
        .check(f"{stack.command} deactivate", stack.unload)
        .run()
    )
    assert "python of one" in result.stdout, result.stderr
    assert result.statuses == [0] * 6


def test_a_shell_with_set_eu_works_and_stays_strict(session: Session, stack) -> None:
    if session.dialect.family != "sh":
        pytest.skip("csh and fish have no set -eu")
    session.strict = True
    result = (
        session.snapshot("before")
        .do(stack.load, f"{stack.command} activate unset-reader", "python", f"{stack.command} deactivate")
        .check(f"{stack.command} activate no-such-environment")
        .do("case $- in *e*u*|*u*e*) echo still strict;; esac", stack.unload)
        .snapshot("after")
        .do("echo the end")
        .run()
    )
    assert result.stdout.splitlines() == ["python of unset-reader", "still strict", "the end"]
    assert result.statuses == [1]
    assert differences(result.snapshots["before"], result.snapshots["after"]) == {}


def test_an_unknown_environment_is_an_error_that_changes_nothing(session: Session, stack) -> None:
    result = (
        session.check(stack.load, f"{stack.command} activate one")
        .snapshot("one")
        .check(f"{stack.command} activate no-such-environment")
        .snapshot("still")
        .run()
    )
    assert result.statuses[-1] == 1
    assert "no-such-environment" in result.stderr
    assert "conda init" not in result.stderr
    assert differences(result.snapshots["one"], result.snapshots["still"]) == {}
