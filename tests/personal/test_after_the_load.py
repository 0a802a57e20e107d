"""After the load of an environment: other modules, the user's pip settings, an unwritable stderr."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from stacked import Stack
from users import User, make_once, make_user

from stackenv.environments.module import describe_venv_module
from stackenv.modulefile.text import render_module
from stackenv.record import RECORD_FILE, parse_record

PYTHON_OF = 'python -c "import sys; print(sys.prefix)"'


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory, one_stack: Stack) -> User:
    """Return a user with the module alpha, of a venv with six."""

    def make(folder: Path) -> None:
        made = make_user(folder, one_stack).stackenv("create", "alpha", "six", load=[one_stack.bundle_module])
        assert made.returncode == 0, made.stderr

    return make_user(make_once(tmp_path_factory, "after the load", make), one_stack)


@pytest.mark.parametrize("later", ["python_module", "next_python_module", "next_bundle_module"])
def test_a_module_loaded_later_does_not_replace_the_environments_python(owner, later) -> None:
    module = getattr(owner.stack, later)
    result = owner.run(
        "before=$PATH; module use ~/modules; module load alpha\n"
        f"module load {module} 2>/dev/null; {PYTHON_OF}\n"
        'python -c "import six"; module purge; [ "$PATH" = "$before" ] && echo as before'
    )
    assert result.stdout.splitlines() == [f"{owner.home}/venvs/alpha-1.0", "as before"], result.stderr
    assert ("module load alpha/1.0" in result.stderr) == (later != "python_module")


@pytest.mark.parametrize(
    "settings", ["PIP_USER=1", "PIP_TARGET=$HOME/elsewhere", "PIP_PREFIX=$HOME/elsewhere"]
)
def test_create_installs_into_the_environment_despite_pip_user_target_or_prefix(user: User, settings) -> None:
    bundle = user.stack.bundle_module
    result = user.run(
        f"export {settings}; module load {bundle}; stackenv create beta six || exit\n"
        "module purge; module use ~/modules; module load beta; python -c 'import six; print(six.__file__)'"
    )
    assert result.stdout.splitlines()[-1].startswith(f"{user.home}/venvs/beta-1.0/"), result.stderr
    assert not (user.home / ".local").exists()
    assert not (user.home / "elsewhere").exists()


@pytest.mark.parametrize("pip", ["pip", "pip3", "python -m pip", "~/venvs/alpha-1.0/bin/python -Im pip -q"])
@pytest.mark.parametrize(
    "options", ["install --user", "install -U --no-deps --user", "--isolated install --user"]
)
def test_pip_install_user_is_refused(owner: User, pip: str, options: str) -> None:
    result = owner.run(f"module use ~/modules; module load alpha; {pip} {options} pytz")
    assert (result.returncode, result.stdout, result.stderr) == (
        1,
        "",
        "stackenv: pip install --user was not run: it installs into ~/.local, and alpha/1.0 does not import "
        "packages from there; hint: leave out --user\n",
    )
    assert not (owner.home / ".local").exists()


@pytest.mark.parametrize("command", ["pip list --user", "pip freeze --user", "pip -q uninstall -y nothing"])
def test_pip_commands_that_do_not_install_into_local_are_not_refused(owner: User, command: str) -> None:
    result = owner.run(f"module use ~/modules; module load alpha; {command}")
    assert (result.returncode, "was not run" in result.stderr) == (0, False), result.stderr


def test_pip_install_user_works_in_an_environment_with_user_site(user: User) -> None:
    made = user.stackenv("create", "mine", "--user-site", load=[user.stack.bundle_module])
    assert made.returncode == 0, made.stderr
    result = user.run(
        "module use ~/modules; module load mine; pip install --user pytz || exit\n"
        "python -c 'import pytz; print(pytz.__file__)'"
    )
    assert result.stdout.splitlines()[-1].startswith(f"{user.home}/.local/lib/python"), result.stderr


def test_pip_install_user_in_another_environment_is_handled_by_that_pip(owner: User) -> None:
    result = owner.run(
        "module use ~/modules; module load alpha; python -m venv ~/plain || exit\n"
        "~/plain/bin/python -m pip install --user pytz"
    )
    assert result.returncode and "User site-packages are not visible" in result.stderr


@pytest.mark.parametrize("stderr", ["2>/dev/full", "2>&-"])
def test_python_starts_when_stderr_is_full_or_closed(owner: User, stderr: str) -> None:
    # Without its modules the environment has a message to print.
    result = owner.run(f"~/venvs/alpha-1.0/bin/python -c 'print(1)' {stderr}", STACKENV_CARRY="0")
    assert (result.stdout, result.returncode) == ("1\n", 0)


def test_an_environment_on_hierarchical_modules_loads_in_a_fresh_shell(user: User, tmp_path: Path) -> None:
    core, below = tmp_path / "Core", tmp_path / "GCC/12.3.0"
    tree, stack = Path(user.stack.modulepath), user.stack
    (core / "GCC").mkdir(parents=True)
    (core / "GCC/12.3.0.lua").write_text(f'prepend_path("MODULEPATH", "{below}")\n')
    for module in (stack.python_module, stack.bundle_module):
        (below / module).parent.mkdir(parents=True)
        (below / f"{module}.lua").symlink_to(tree / f"{module}.lua")
    in_tree = {"MODULEPATH": str(core)}
    made = user.run(f"module load GCC {stack.bundle_module}; stackenv create hier", **in_tree)
    assert made.returncode == 0, made.stderr
    used = user.run(
        "module use ~/modules; module load hier; python -c 'import numpy' && module -t list", **in_tree
    )
    assert used.returncode == 0, used.stderr
    assert "hier/1.0" in used.stderr
    assert stack.bundle_module in used.stderr
    constraints = (user.home / "venvs/hier-1.0/stackenv/constraints.txt").read_text()
    assert f"numpy==1.25.1  # from {stack.bundle_module}" in constraints


@pytest.mark.parametrize("features, status", [(("sse4_2",), 0), (("sse4_2", "no_such_instructions"), 1)])
def test_loading_is_refused_on_a_cpu_without_the_recorded_features(owner, features, status) -> None:
    path = owner.home / "venvs/alpha-1.0" / RECORD_FILE
    record = replace(parse_record(path.read_text(), str(path)), name="cpu", cpu_features=features)
    (owner.modules / "cpu").mkdir(exist_ok=True)
    (owner.modules / "cpu/1.0.lua").write_text(render_module(describe_venv_module(record)))
    result = owner.run("module use ~/modules; module load cpu")
    assert result.returncode == status, result.stderr
    assert ("no_such_instructions" in result.stderr) == bool(status)
    assert "sse4_2" not in result.stderr


def test_cpu_features_of_packages_compiled_with_march_native_are_recorded(user: User) -> None:
    if "flags" not in Path("/proc/cpuinfo").read_text():
        pytest.skip("only x86 lists its instruction sets as `flags`")
    bundle = user.stack.bundle_module
    made = user.run(
        f"export CFLAGS='-O2 -march=native'; module load {bundle}\n"
        "stackenv create built needs-stack-numpy --no-build-isolation"
    )
    assert made.returncode == 0, made.stderr
    path = user.home / "venvs/built-1.0" / RECORD_FILE
    features = parse_record(path.read_text(), str(path)).cpu_features
    assert "sse4_2" in features
    used = user.run("module use ~/modules; module load built; python -c 'import needs_stack_numpy'")
    assert used.returncode == 0, used.stderr
