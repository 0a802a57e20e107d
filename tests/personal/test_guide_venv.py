"""The guide's own venv commands beside stackenv, and a ~/.local with other versions of the packages."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from stacked import Stack
from trees import describe_tree
from users import User, make_once, make_user

pytestmark = pytest.mark.some_stacks

MINOR = f"python{sys.version_info[0]}.{sys.version_info[1]}"
WHERE = "python -c 'import numpy, packaging; print(numpy.__file__, packaging.__file__)'"


@pytest.fixture(scope="module")
def owner(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> User:
    """A user with an environment, and with other versions of the stack's packages in ~/.local."""

    def make(folder: Path) -> None:
        user = make_user(folder, stack)
        made = user.stackenv("create", "it", "biopython", load=[stack.bundle_module])
        assert made.returncode == 0, made.stderr
        filled = user.run(
            f"module load {stack.python_module}\n"
            "PYTHONPATH= EBPYTHONPREFIXES= python -m pip install -q --user --ignore-installed "
            "--no-warn-script-location numpy==2.1.1 packaging==24.2 setuptools==80.9.0"
        )
        assert filled.returncode == 0, filled.stderr

    return make_user(make_once(tmp_path_factory, f"guide-{stack.name}", make), stack)


def bundle_paths(user: User) -> list[str]:
    folder = f"{user.stack.software}/{user.stack.bundle_module}/lib/{MINOR}/site-packages"
    return [f"{folder}/numpy/__init__.py", f"{folder}/packaging/__init__.py"]


def test_packages_in_dot_local_do_not_affect_the_environment(owner: User) -> None:
    used = owner.run(
        f"module use ~/modules; module load it; {WHERE}; python -m pip list --format freeze; "
        "python -c 'import sys; print(*sys.path)'; python -m pip install --dry-run numpy"
    )
    assert used.stderr == ""
    first, *rest = used.stdout.splitlines()
    assert first.split() == bundle_paths(owner)
    assert "numpy==2.1.1" not in rest
    assert f"{owner.home}/.local" not in used.stdout
    assert "Requirement already satisfied: numpy" in used.stdout


def test_packages_in_dot_local_work_outside_the_environment(owner: User) -> None:
    """They also work beside the loaded environment, for the system Python and tools that use it."""
    local = owner.home / f".local/lib/{MINOR}/site-packages"
    show = "import numpy, packaging; print(numpy.__version__, packaging.__file__)"
    tool = owner.home / "tool.py"
    tool.write_text(f"#!/usr/bin/python3\nimport site; print(site.ENABLE_USER_SITE)\n{show}\n")
    tool.chmod(0o755)
    look = f"/usr/bin/python3 -m site | grep -c \"^    '{local}',\""
    alone = owner.run(f"{look}; ./tool.py")
    assert alone.stdout.split() == ["1", "True", "2.1.1", f"{local}/packaging/__init__.py"], alone.stderr
    beside = owner.run(f"module use ~/modules; module load it\n{look}; env -u PYTHONPATH ./tool.py")
    assert beside.stdout == alone.stdout, beside.stderr


def test_the_guides_commands_work_and_leave_nothing_behind(stack: Stack, tmp_path: Path) -> None:
    user = make_user(tmp_path, stack)
    before = describe_tree(user.home)
    done = user.run(
        f"module load {stack.bundle_module}; path=$PATH\n"
        "python -m venv --system-site-packages venvs/venv-for-demo || exit 1\n"
        "source venvs/venv-for-demo/bin/activate\n"
        "pip install -q --no-cache-dir biopython || exit 1\n"
        "python -c 'import Bio, numpy; print(Bio.__file__, numpy.__file__)'\n"
        "deactivate\n"
        '[ "$PATH" = "$path" ] && [ -z "$VIRTUAL_ENV$STACKENV_ENVIRONMENT" ] || exit 2\n'
        "rm -rf venvs/venv-for-demo/\n"
    )
    assert done.returncode == 0, done.stderr
    own, numpy = done.stdout.split()
    assert own == f"{user.home}/venvs/venv-for-demo/lib/{MINOR}/site-packages/Bio/__init__.py"
    assert numpy == bundle_paths(user)[0]
    assert describe_tree(user.home) == before


def test_the_guides_commands_work_while_an_environment_is_loaded(owner: User) -> None:
    """The venv's Python runs while the venv is active, and the environment's after a reload."""
    done = owner.run(
        "module use ~/modules; module load it\n"
        "python -m venv --system-site-packages venvs/demo || exit 1\n"
        "source venvs/demo/bin/activate\n"
        "python -c 'import sys; print(sys.prefix)'\n"
        "deactivate\n"
        "rm -rf venvs/demo/\n"
        "module load it\n"
        "python -c 'import sys, Bio; print(sys.prefix)'\n"
    )
    assert done.stdout.split() == [f"{owner.home}/venvs/demo", f"{owner.home}/venvs/it-1.0"], done.stderr


def test_an_adopted_venv_of_the_guide_works_by_module_and_by_source(stack: Stack, tmp_path: Path) -> None:
    """It works by `source` as before, and also by its module the venv's own packages come first."""
    user = make_user(tmp_path, stack)
    made = user.run(
        f"module load {stack.bundle_module}\n"
        "python -m venv --system-site-packages venvs/demo && source venvs/demo/bin/activate && "
        "pip install -q --no-cache-dir biopython packaging==24.2 || exit 1\n"
        "deactivate; stackenv adopt venvs/demo"
    )
    assert made.returncode == 0, made.stderr
    folder = f"{user.home}/venvs/demo/lib/{MINOR}/site-packages"
    expected = [bundle_paths(user)[0], f"{folder}/packaging/__init__.py"]
    by_module = user.run(f"{made.stdout}\n{WHERE}")
    by_source = user.run(f"module load {stack.bundle_module}; source venvs/demo/bin/activate; {WHERE}")
    assert by_module.stdout.split() == by_source.stdout.split() == expected, by_module.stderr
    shutil.rmtree(user.home / "venvs/demo")
    assert user.run("module use ~/modules; module load demo").returncode != 0
