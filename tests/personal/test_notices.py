"""The notice of an environment's Python when the loaded modules are not those it was created on."""

from __future__ import annotations

from pathlib import Path

import pytest
from stacked import Stack
from users import User, make_once, make_user

pytestmark = pytest.mark.some_stacks

SAYS = "stackenv: the environment it/1.0 needs "


@pytest.fixture(scope="module")
def owner(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> User:
    def make(folder: Path) -> None:
        user = make_user(folder, stack)
        made = user.stackenv("create", "it", load=[stack.bundle_module])
        assert made.returncode == 0, made.stderr

    return make_user(make_once(tmp_path_factory, f"notices-{stack.name}", make), stack)


def notices(text: str) -> list[str]:
    return [line for line in text.splitlines() if SAYS in line]


def test_no_notice_is_printed_when_the_modules_are_loaded(owner: User) -> None:
    used = owner.run("module use ~/modules; module load it; python -c pass; pip --version")
    assert (used.returncode, used.stderr) == (0, "")


def test_no_notice_is_printed_when_missing_modules_are_added_automatically(owner: User) -> None:
    used = owner.run("venvs/it-1.0/bin/python -c 'import numpy'; . venvs/it-1.0/bin/activate; pip --version")
    assert (used.returncode, used.stderr) == (0, "")


def test_missing_modules_are_reported_once_with_the_command_to_load_them(owner: User) -> None:
    """Once in a tree of processes: Python, a shell started by it, and Python again."""
    nested = 'import subprocess, sys; subprocess.run(["sh", "-c", f"{sys.executable} -c pass"])'
    used = owner.run(f". venvs/it-1.0/bin/activate; python -c '{nested}'", STACKENV_CARRY="0")
    (line,) = notices(used.stderr)
    stack = owner.stack
    assert f"{stack.bundle_module} (not loaded), {stack.python_module} (not loaded)" in line
    assert line.endswith(f"; hint: module use {owner.modules}; module load it/1.0")
    fixed = owner.run(
        f". venvs/it-1.0/bin/activate; {line.rpartition('; hint: ')[2]}; python -c 'import numpy'"
    )
    assert (fixed.returncode, fixed.stderr) == (0, "")


def test_each_command_of_a_shell_prints_the_notice(owner: User) -> None:
    used = owner.run(". venvs/it-1.0/bin/activate; python -c pass; python -c pass", STACKENV_CARRY="0")
    assert len(notices(used.stderr)) == 2


@pytest.mark.parametrize("autoswap", ["no", "yes"])
@pytest.mark.parametrize("which", ["bundle", "python"])
def test_a_swapped_base_module_is_reported_with_a_hint_that_fixes_it(
    owner: User, which: str, autoswap: str
) -> None:
    """LMOD_DISABLE_SAME_NAME_AUTOSWAP makes no difference: this swap is requested, not automatic."""
    stack = owner.stack
    old, new = {
        "bundle": (stack.bundle_module, stack.next_bundle_module),
        "python": (stack.python_module, stack.next_python_module),
    }[which]
    used = owner.run(
        f"module use ~/modules; module load it; module swap {old} {new}; python -c pass",
        LMOD_DISABLE_SAME_NAME_AUTOSWAP=autoswap,
    )
    (line,) = notices(used.stderr)
    assert f"{old} (loaded: {new})" in line
    fixed = owner.run(
        f"module use ~/modules; module load it; module swap {old} {new}\n"
        f"{line.rpartition('; hint: ')[2]}\npython -c 'import numpy; print(numpy.__file__)'",
        LMOD_DISABLE_SAME_NAME_AUTOSWAP="no",
    )
    assert notices(fixed.stderr) == []
    assert fixed.stdout.startswith(f"{stack.software}/{stack.bundle_module}/")


def test_the_programs_exit_status_and_output_are_not_changed(owner: User) -> None:
    script = ". venvs/it-1.0/bin/activate; python -c 'print(1); raise SystemExit(3)'"
    used = owner.run(script, STACKENV_CARRY="0")
    assert (used.returncode, used.stdout, len(notices(used.stderr))) == (3, "1\n", 1)
