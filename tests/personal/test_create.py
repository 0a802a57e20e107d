"""`stackenv create` for venvs: the record matches the environment, and each option does what it says."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from answers import read_result
from stacked import open_stack
from trees import describe_tree
from users import User, make_once, make_user

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> User:
    """A user with an environment of six and, from a file, biopython; and with the output of create."""
    stack = open_stack("eb5-pythonpath")

    def make(folder: Path) -> None:
        user = make_user(folder, stack)
        (user.home / "wanted.txt").write_text("biopython\n")
        made = user.stackenv(
            *("create", "it", "six", "-r", "wanted.txt", "-m", stack.bundle_module, "--json"),
            *("--description", "for tests"),
        )
        assert made.returncode == 0, made.stderr
        (user.home / "answer.json").write_text(made.stdout)

    return make_user(make_once(tmp_path_factory, "create", make), stack)


def read_record(user: User, name: str = "it") -> dict[str, object]:
    return json.loads((user.home / f"venvs/{name}-1.0/stackenv/record.json").read_text())


def create(user: User, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return user.stackenv("create", *arguments, load=[user.stack.bundle_module], **changes)


def test_the_recorded_packages_are_those_pip_lists_with_the_hashes_of_their_wheels(owner: User) -> None:
    packages = {p["name"]: p for p in read_record(owner)["packages"]}
    listed = owner.run("module use ~/modules; ml it; pip list -l --format json")
    own = {
        (e["name"], e["version"])
        for e in json.loads(listed.stdout)
        if e["name"] not in ("numpy", "packaging")
    }
    assert {(name, p["version"]) for name, p in packages.items()} == own
    for name in ("biopython", "six"):
        (wheel,) = Path(owner.stack.wheels).glob(f"{name}-*.whl")
        assert packages[name]["sha256"] == hashlib.sha256(wheel.read_bytes()).hexdigest()
        assert packages[name]["source"] == wheel.name


def test_the_recorded_modules_and_python_match_the_loaded_ones(owner: User) -> None:
    record, stack = read_record(owner), owner.stack
    assert record["modules"] == [stack.bundle_module]
    assert record["stack"] == [stack.python_module, stack.bundle_module]
    loaded = owner.run("module use ~/modules; ml it; echo $LOADEDMODULES; readlink -f $(command -v python)")
    modules, executable = loaded.stdout.split()
    assert modules.split(":") == [*record["stack"], "it/1.0"]
    assert record["python"] == {
        "version": ".".join(map(str, sys.version_info[:3])),
        "executable": executable,
        "module": stack.python_module,
    }
    assert record["description"] == "for tests"
    assert record["made_by"][:3] == ["stackenv", "create", "it"]


def test_the_json_output_keeps_its_shape(owner: User) -> None:
    packages = [{"name": p["name"], "version": p["version"]} for p in read_record(owner)["packages"]]
    assert read_result((owner.home / "answer.json").read_text()) == {
        "module": "it/1.0",
        "modulefile": f"{owner.modules}/it/1.0.lua",
        "environment": f"{owner.home}/venvs/it-1.0",
        "modules": [owner.stack.bundle_module],
        "packages": packages,
        "load_command": "ml use ~/modules; ml it",
        "package_report": None,
    }


def test_a_dry_run_lists_the_steps_and_changes_nothing(user: User) -> None:
    before = describe_tree(user.home.parent)
    told = create(user, "it", "biopython", "--dry-run")
    assert told.returncode == 0, told.stderr
    assert f"create the folder {user.home}/venvs/it-1.0\n" in told.stdout
    assert "install with pip: biopython\n" in told.stdout
    assert describe_tree(user.home.parent) == before


def test_without_a_module_the_python_modules_and_a_working_command_are_shown(user: User) -> None:
    told = user.stackenv("create", "it")
    assert told.returncode == 1
    for module in (user.stack.python_module, user.stack.next_python_module):
        assert module in told.stderr
    typed = next(line for line in told.stderr.splitlines() if "run: " in line).split("run: ")[1]
    done = user.run(f"{typed.split(';')[0]} && stackenv create it")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("load", [[], ["other"]])
def test_create_is_refused_without_a_python_module(user: User, load: list[str]) -> None:
    told = user.stackenv("create", "it", load=[user.stack.other_module] * len(load))
    assert told.returncode == 1
    assert "--os-python" in told.stderr
    assert not list((user.home / "venvs").iterdir())


def test_the_python_option_uses_a_matching_module_or_suggests_modules_or_conda(user: User) -> None:
    assert create(user, "it", "--python", MINOR, "--dry-run").returncode == 0
    offered = user.stackenv("create", "it", "--python", MINOR, load=[user.stack.other_module])
    assert offered.returncode == 1
    assert f"module load {user.stack.next_python_module}" in offered.stderr
    assert user.stack.python_module in offered.stderr
    none = create(user, "it", "--python", "3.99")
    assert none.returncode == 1
    assert "the same command with --conda" in none.stderr


def test_the_os_python_is_refused_while_a_python_module_is_loaded(user: User) -> None:
    refused = create(user, "it", "--os-python")
    assert refused.returncode == 1
    assert "module purge" in refused.stderr


# It does not on Debian without python3-venv.
OS_MAKES_VENVS = not subprocess.run(
    ["/usr/bin/python3", "-I", "-c", "import ensurepip, venv"], capture_output=True, check=False
).returncode


@pytest.mark.skipif(OS_MAKES_VENVS, reason="the operating system's Python makes venvs with pip")
def test_an_os_python_that_cannot_create_venvs_with_pip_is_refused(user: User) -> None:
    refused = user.stackenv("create", "it", "--os-python")
    assert refused.returncode == 1
    assert "cannot create a venv with pip" in refused.stderr
    assert not list((user.home / "venvs").iterdir())


@pytest.mark.skipif(not OS_MAKES_VENVS, reason="the operating system's Python has no ensurepip or no venv")
@pytest.mark.parametrize("load", [[], ["other"]])
@pytest.mark.parametrize("options", [(), ("--with-pip",), ("--no-system-site-packages",)])
@pytest.mark.each_value("load", "options")
def test_an_os_python_is_used_with_a_warning(user: User, load: list[str], options: tuple[str, ...]) -> None:
    made = user.stackenv("create", "it", "--os-python", *options, load=[user.stack.other_module] * len(load))
    assert made.returncode == 0, made.stderr
    assert "the operating system's Python" in made.stderr
    # With --with-pip no reason is given.
    reason = "own copy of pip: it is based on the operating system's Python"
    assert (reason in made.stderr) == ("--with-pip" not in options), made.stderr
    used = user.run(
        "module use ~/modules; ml it; python -c 'import sys; print(sys.base_prefix)'; pip --version"
    )
    prefix, version = used.stdout.splitlines()
    assert prefix == "/usr"
    assert f" from {user.home}/venvs/it-1.0/lib/" in version
    again = user.stackenv("rebuild", "it")
    assert again.returncode == 0, again.stderr
    assert "own copy of pip" in again.stderr or "--with-pip" in options


OPTIONS = ["--index-url=https://example.org", "-e.", "--target=/tmp", "-rfile"]


@pytest.mark.parametrize("word", [*OPTIONS, "not a package!"])
def test_an_argument_that_is_not_a_package_is_refused(user: User, word: str) -> None:
    refused = create(user, "it", "--", word)
    assert refused.returncode == 2
    assert not list((user.home / "venvs").iterdir())


def test_a_folder_with_extras_is_accepted_as_a_package(user: User) -> None:
    (user.home / "mine").mkdir()
    (user.home / "mine/pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "mine"\nversion = "1"\n[project.optional-dependencies]\nmore = ["six"]\n'
        "[tool.setuptools]\npackages = []\n"
    )
    made = create(user, "it", "./mine[more]")
    assert made.returncode == 0, made.stderr
    assert {"mine", "six"} <= {p["name"] for p in read_record(user)["packages"]}


def test_options_decide_whether_base_packages_and_user_site_are_visible(user: User) -> None:
    both = create(user, "it", "--no-system-site-packages", "--user-site")
    assert both.returncode == 2
    site = user.home / f".local/lib/python{MINOR}/site-packages"
    site.mkdir(parents=True)
    base = f"{user.stack.software}/{user.stack.python_module}/lib/python{MINOR}/site-packages"
    for name, options, seen in (
        ("plain", ["--no-system-site-packages"], [False, False]),
        ("usual", [], [True, False]),
        ("user", ["--user-site"], [True, True]),
    ):
        made = create(user, name, *options)
        assert made.returncode == 0, made.stderr
        shown = user.run(
            f"module use ~/modules; ml {name}; python -c 'import sys; print(*sys.path, sep=\"\\n\")'"
        )
        assert [path in shown.stdout.splitlines() for path in (base, str(site))] == seen, name


def test_an_environment_created_inside_another_is_based_on_the_same_modules(owner: User) -> None:
    made = owner.run("module use ~/modules; ml it && stackenv create second")
    assert made.returncode == 0, made.stderr
    assert read_record(owner, "second")["modules"] == [owner.stack.bundle_module]
    used = owner.run("module use ~/modules; ml second; python -c 'import sys, numpy; print(sys.prefix)'")
    assert used.stdout == f"{owner.home}/venvs/second-1.0\n", used.stderr


def test_pip_settings_for_other_installs_do_not_redirect_create(user: User) -> None:
    made = create(user, "it", "six", PIP_TARGET=str(user.home / "elsewhere"), PIP_USER="1")
    assert made.returncode == 0, made.stderr
    assert not (user.home / "elsewhere").exists()
    assert (user.home / f"venvs/it-1.0/lib/python{MINOR}/site-packages/six.py").is_file()
