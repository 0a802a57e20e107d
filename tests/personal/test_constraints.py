"""The constraints keep an install from replacing packages of the modules, wherever the environment is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from stacked import open_stack
from users import User, make_once, make_user

ODD = "venvs/a b'c é"
UV_REFUSES = "you require packaging=="


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> User:
    """A user with an environment at an odd path, and a file of constraints of their own."""
    stack = open_stack("eb5-pythonpath")

    def make(folder: Path) -> None:
        user = make_user(folder, stack)
        (user.home / "own.txt").write_text("six==1.16.0\n")
        made = user.stackenv("create", "odd", "--path", ODD, load=[stack.bundle_module])
        assert made.returncode == 0, made.stderr

    return make_user(make_once(tmp_path_factory, "constraints", make), stack)


# Ways to enter the environment, with constraints of the user's own or without.
ENTRANCES = {
    "the module": "module use ~/modules; module load odd",
    "the module after own constraints": "export PIP_CONSTRAINT=$HOME/own.txt; module use ~/modules; ml odd",
    "the module before own constraints": "module use ~/modules; ml odd; export PIP_CONSTRAINT=$HOME/own.txt",
    "no module": f'module load {{bundle}}; . "{ODD}/bin/activate"',
    "no module and own constraints": (
        f'module load {{bundle}}; export PIP_CONSTRAINT=$HOME/own.txt; . "{ODD}/bin/activate"'
    ),
    "python -W": "export PIP_CONSTRAINT=$HOME/own.txt; module use ~/modules; ml odd; "
    'export PIP_CONSTRAINT=$HOME/own.txt; pip() { python -W ignore -m pip "$@"; }',
}


def enter(user: User, entrance: str) -> str:
    return ENTRANCES[entrance].replace("{bundle}", user.stack.bundle_module)


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_pip_obeys_the_constraints_however_the_environment_is_entered(owner: User, entrance: str) -> None:
    asked = owner.run(f"{enter(owner, entrance)}\npip install --dry-run packaging==24.2")
    assert asked.returncode != 0
    assert "The user requested (constraint) packaging==23.1" in asked.stdout + asked.stderr


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_pip_also_obeys_the_users_own_constraints(owner: User, entrance: str) -> None:
    asked = owner.run(f"{enter(owner, entrance)}\npip install --dry-run six")
    has_own = "own.txt" in enter(owner, entrance)
    assert ("The user requested (constraint) six==1.16.0" in asked.stdout + asked.stderr) == has_own
    assert ("Would install six-1.17.0" in asked.stdout) != has_own


# Typed in a shell with the module, without constraints of the user's own.
COMMANDS = (
    "pip install --dry-run",
    "pip3 install --dry-run",
    "python -mpip install --dry-run",
    "python -W ignore -Xutf8 -Im pip install --dry-run",
    "pip --isolated install --dry-run",
    "PIP_CONFIG_FILE=/dev/null pip install --dry-run",
    "pip --python $VIRTUAL_ENV/bin/python install --dry-run",
    "$EBROOTPYTHON/bin/pip3 --python $VIRTUAL_ENV/bin/python install --dry-run",
    "PIP_PYTHON=$VIRTUAL_ENV $EBROOTPYTHON/bin/pip3 install --dry-run",
    "pip download -d $TMPDIR",
    "pip --isolated download -d $TMPDIR",
    "pip wheel -w $TMPDIR",
    "PIP_CONFIG_FILE=/dev/null pip wheel -w $TMPDIR",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_pip_command_of_the_environment_obeys_the_constraints(owner: User, command: str) -> None:
    command = command.replace("$VIRTUAL_ENV", '"$VIRTUAL_ENV"')
    asked = owner.run(f"{enter(owner, 'the module')}\n{command} --find-links $PIP_FIND_LINKS packaging==24.2")
    assert asked.returncode != 0
    assert "The user requested (constraint) packaging==23.1" in asked.stdout + asked.stderr


def test_a_package_is_installed_in_a_version_that_fits_the_stacks_numpy(owner: User) -> None:
    asked = owner.run(f"{enter(owner, 'the module')}\npip install --dry-run pandas")
    (would,) = (line for line in asked.stdout.splitlines() if line.startswith("Would install"))
    assert "pandas-2.2.2" in would
    assert "numpy" not in would


def test_uv_obeys_the_constraints(owner: User) -> None:
    come = enter(owner, "the module")
    refused = owner.run(f"{come}\nuv pip install --no-index --dry-run packaging==24.2")
    assert refused.returncode != 0
    assert UV_REFUSES in refused.stderr
    for named in ("-p 3", f"-p=3.{sys.version_info[1]}", "--python python3", "-Up python"):
        refused = owner.run(f"{come}\nuv pip install {named} --no-index --dry-run packaging==24.2")
        assert UV_REFUSES in refused.stderr, (named, refused.stderr)
    chosen = owner.run(f"{come}\nuv pip install --no-index --dry-run pandas")
    # uv sees the module's numpy by its stub; a list that it compiles for use elsewhere has the same version.
    assert " + pandas==" in chosen.stderr and "numpy" not in chosen.stderr, chosen.stderr
    written = owner.run(f"{come}\nuv pip compile -q --no-index --no-annotate - <<<pandas")
    assert "\nnumpy==1.25.1\n" in written.stdout, written.stderr


def test_uv_also_obeys_the_users_own_constraints(owner: User) -> None:
    come = f"export UV_CONSTRAINT=$HOME/own.txt; {enter(owner, 'the module')}"
    assert UV_REFUSES in owner.run(f"{come}\nuv pip install --no-index --dry-run packaging==24.2").stderr
    assert "six==1.16.0" in owner.run(f"{come}\nuv pip install --no-index --dry-run six").stderr


def create(user: User, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return user.stackenv("create", *arguments, load=[user.stack.bundle_module], **changes)


def read_pinned(user: User, name: str) -> dict[str, str]:
    """Return the versions in the constraints file of the environment `name`, followed by their comments."""
    lines = (user.home / f"venvs/{name}-1.0/stackenv/constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if not line.startswith("#"))
    return {package: rest for package, rest in pairs}


@pytest.mark.parametrize("way", ["argument", "file", "beside others"])
def test_a_conflict_names_package_and_module_and_suggests_allow_shadow(user: User, way: str) -> None:
    (user.home / "wanted.txt").write_text("packaging==24.2\n")
    words = {
        "argument": ["packaging==24.2"],
        "file": ["-r", "wanted.txt"],
        "beside others": ["six", "packaging>=24"],
    }[way]
    refused = create(user, "new", *words)
    assert refused.returncode == 10
    assert f"packaging 23.1 (the module {user.stack.bundle_module})" in refused.stderr
    assert "--allow-shadow packaging" in refused.stderr
    assert not list((user.home / "venvs").iterdir())
    assert not [path for path in user.modules.rglob("*.lua")]
    freed = create(user, "new", *words, "--allow-shadow", "Packaging")
    assert freed.returncode == 0, freed.stderr
    assert set(read_pinned(user, "new")) == {"numpy"}


def test_build_back_ends_and_unusable_versions_are_not_pinned(user: User) -> None:
    """A module provides a few of them, as metadata, beside the real bundle's numpy and packaging."""
    packages = {
        "Setuptools_SCM": "8.0",
        "hatchling": "1.18.0",
        "flit-core": "3.9",
        "Cython": "3.0",
        "unfinished": "0.0.0",
        "odd": "not.a.version",
        "held": "1.0+local.1",
    }
    site_packages = user.home / "software/Extra/1/lib/site-packages"
    for name, version in packages.items():
        info = site_packages / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    broken = site_packages / "broken-1.0.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\n")
    (user.home / "site/Extra").mkdir(parents=True)
    (user.home / "site/Extra/1.lua").write_text(f'prepend_path("PYTHONPATH", "{site_packages}")\n')
    made = user.stackenv(
        *("create", "new"),
        load=[user.stack.bundle_module, "Extra/1"],
        MODULEPATH=f"{user.home}/site:{user.stack.modulepath}",
    )
    assert made.returncode == 0, made.stderr
    bundle = user.stack.bundle_module
    assert read_pinned(user, "new") == {
        "numpy": f"1.25.1  # from {bundle}",
        "packaging": f"23.1  # from {bundle}",
        "held": "1.0+local.1  # from Extra/1",
    }


def test_no_system_site_packages_leaves_the_base_pythons_packages_unpinned(user: User) -> None:
    """A package that a plain venv does not see must not keep it from installing another version."""
    root = user.home / "software/Python/9"
    base = root / f"lib/python3.{sys.version_info[1]}/site-packages"
    wheels = user.stack.wheels
    made = user.run(
        f"module load {user.stack.python_module}; mkdir -p {root}; cp -a $EBROOTPYTHON/. {root}; "
        f"pip install -q --no-deps --no-index --find-links {wheels} --target {base} six"
    )
    assert made.returncode == 0, made.stderr
    (user.home / "site/Python").mkdir(parents=True)
    (user.home / "site/Python/9.lua").write_text(
        f'prepend_path("PATH", "{root}/bin")\nsetenv("EBROOTPYTHON", "{root}")\n'
    )
    for name, option in (("seen", "--system-site-packages"), ("plain", "--no-system-site-packages")):
        done = user.stackenv(
            "create", name, option, load=["Python/9"], MODULEPATH=f"{user.home}/site:{user.stack.modulepath}"
        )
        assert done.returncode == 0, done.stderr
    assert read_pinned(user, "seen") == {"six": "1.17.0  # from Python/9"}
    assert read_pinned(user, "plain") == {}


def test_the_record_lists_the_pinned_packages(owner: User) -> None:
    record = json.loads((owner.home / ODD / "stackenv/record.json").read_text())
    bundle = owner.stack.bundle_module
    assert sorted(record["pinned"]) == [["numpy", "1.25.1", bundle], ["packaging", "23.1", bundle]]
