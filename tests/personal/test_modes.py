"""Import order: the environment's own packages first, then the modules', on stacks of every kind.

For each of the four stacks and each kind of environment one script runs once: a fresh load, an install of
a package that the stack has, of a newer version (refused, then allowed), a purge and an uninstall.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from stacked import Stack
from users import User, make_once, make_user

pytestmark = pytest.mark.each_value("stack", "told")

SITE_PACKAGES = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
OWN, NEWER = "packaging", "24.2"
# The first and the last see the packages of the base Python, the others do not.
MAKERS = {
    "venv": "stackenv create it",
    "plain venv": "stackenv create it --no-system-site-packages",
    "virtualenv": "virtualenv -q --no-periodic-update --never-download -p $(command -v python) venvs/it",
    "uv": "uv venv -q --system-site-packages -p python venvs/it",
}
WHO = """\
import importlib, importlib.metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = [importlib.import_module(name).__file__, importlib.metadata.version(name)]
    except ImportError:
        pass
print(json.dumps(found))
"""
STORY = """\
who() { out=$1; shift; python "$@" who.py numpy packaging > out/$out || exit 1; }
list() { python "${@:2}" -m pip list -v --format json > out/$1 || exit 1; }
pip() { out=$1; shift; python -m pip "$@" > out/$out 2>&1; echo "status $?" >> out/$out; }
mkdir out
module use ~/modules && module load it || exit 1
who fresh; who fresh-s -s; who fresh-I -I; list fresh-list
pip kept install packaging
pip refused install packaging==24.2
who refused-who
stackenv edit it --allow-shadow packaging > out/edit 2>&1; echo "status $?" >> out/edit
pip shadow install packaging==24.2
who shadow-who; who shadow-who-s -s; who shadow-who-I -I
list shadow-list; list shadow-list-s -s; list shadow-list-I -I
module purge; module load it || exit 1
who again; list again-list
pip uninstall uninstall -y packaging
who back; who back-s -s; list back-list
pip nothing uninstall -y packaging
pip freed install numpy==2.1.1
wheels="--no-deps --find-links $PIP_FIND_LINKS"
pip download download -d out/downloaded $wheels numpy==2.1.1
pip download-any download -d out/downloaded $wheels numpy
pip wheel wheel -w out/wheels $wheels numpy==2.1.1
pip needing install --dry-run pandas
pip upgrade install --dry-run --upgrade --upgrade-strategy eager pandas numpy packaging
pip check check
"""


@dataclass(frozen=True)
class Told:
    """The files that the script left for one environment."""

    user: User
    kind: str

    @property
    def prefix(self) -> str:
        return f"{self.user.home}/venvs/it" + ("-1.0" if self.kind.endswith("venv") else "")

    @property
    def stack_folder(self) -> str:
        return f"{self.user.stack.software}/{self.user.stack.bundle_module}/{SITE_PACKAGES}"

    @property
    def stack_version(self) -> str:
        """The version of `OWN` in the bundle, from the name of its metadata folder."""
        return (
            next(Path(self.stack_folder).glob(f"{OWN}-*.dist-info")).name.split("-")[1].removesuffix(".dist")
        )

    def text(self, name: str) -> str:
        return (self.user.home / "out" / name).read_text()

    def who(self, name: str) -> dict[str, tuple[str, str]]:
        """Return the folder from which each package is imported, and the version in its metadata."""
        found = json.loads(self.text(name))
        return {package: (str(Path(f).parents[1]), version) for package, (f, version) in found.items()}

    def listed(self, name: str) -> tuple[str, str]:
        """Return where `pip list` finds `OWN`, and its version; fail if it is listed twice."""
        (entry,) = (e for e in json.loads(self.text(name)) if e["name"] == OWN)
        return str(Path(entry["location"]).resolve()), entry["version"]

    @property
    def stacks(self) -> tuple[str, str]:
        return self.stack_folder, self.stack_version

    @property
    def environments(self) -> tuple[str, str]:
        return f"{self.prefix}/{SITE_PACKAGES}", NEWER


@pytest.fixture(scope="module", params=MAKERS)
def told(request: pytest.FixtureRequest, stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Return the results of the script for one kind of environment on one stack."""
    kind = request.param

    def print_message(folder: Path) -> None:
        user = make_user(folder, stack)
        (user.home / "who.py").write_text(WHO)
        adopt = "" if MAKERS[kind].startswith("stackenv") else "&& stackenv adopt venvs/it"
        made = user.run(f"module load {stack.bundle_module}; {MAKERS[kind]} {adopt}")
        assert made.returncode == 0, made.stderr
        story = user.run(STORY)
        assert story.returncode == 0, story.stderr
        assert "stackenv: the environment" not in story.stderr

    return Told(make_user(make_once(tmp_path_factory, f"{stack.name}-{kind}", print_message), stack), kind)


def test_the_stacks_packages_are_imported_and_listed_by_pip(told: Told) -> None:
    for stage in ("fresh", "fresh-s"):
        who = told.who(stage)
        assert who["packaging"] == told.stacks
        assert who["numpy"][0] == told.stack_folder
    # pip finds a stub of the same version in the environment.
    assert told.listed("fresh-list") == (told.environments[0], told.stack_version)


def test_isolated_python_imports_packages_only_from_the_stack(told: Told) -> None:
    """With -I, PYTHONPATH is not read: the stack's packages may be missing."""
    assert {folder for folder, _ in told.who("fresh-I").values()} <= {told.stack_folder}


def test_pip_install_keeps_the_stacks_package(told: Told) -> None:
    text = told.text("kept")
    assert f"Requirement already satisfied: {OWN} in ./venvs/" in text
    assert told.who("refused-who")[OWN] == told.stacks
    assert text.endswith("status 0\n")


def test_pip_refuses_a_newer_version_and_names_the_constraint(told: Told) -> None:
    text = told.text("refused")
    assert f"The user requested (constraint) {OWN}=={told.stack_version}" in text
    assert not text.endswith("status 0\n")
    assert told.who("refused-who") == told.who("fresh")


@pytest.mark.parametrize("options", ["", "-s", "-I"])
def test_python_and_pip_both_find_an_allowed_newer_version(told: Told, options: str) -> None:
    assert told.text("edit").endswith("status 0\n")
    assert told.text("shadow").endswith("status 0\n")
    assert told.who(f"shadow-who{options}")[OWN] == told.environments
    assert told.listed(f"shadow-list{options}") == told.environments


def test_the_stacks_numpy_is_kept_next_to_a_newer_package(told: Told) -> None:
    assert told.who("shadow-who")["numpy"] == told.who("fresh")["numpy"]


def test_imports_and_pip_list_are_the_same_after_a_purge_and_a_load(told: Told) -> None:
    assert told.who("again") == told.who("shadow-who")
    assert told.listed("again-list") == told.environments


def test_uninstalling_a_newer_version_brings_back_the_stacks(told: Told) -> None:
    assert f"Successfully uninstalled {OWN}-{NEWER}" in told.text("uninstall")
    assert told.who("back") == told.who("fresh")
    assert told.who("back-s") == told.who("fresh-s")
    assert told.listed("back-list") == told.stacks


def test_the_stacks_own_copy_cannot_be_uninstalled(told: Told) -> None:
    assert "outside environment" in told.text("nothing")
    assert Path(told.stack_folder, OWN, "__init__.py").is_file()


@pytest.mark.parametrize("way", ["freed", "download", "wheel"])
def test_pip_install_download_and_wheel_refuse_another_numpy_than_the_stacks(told: Told, way: str) -> None:
    assert "The user requested (constraint) numpy==" in told.text(way)
    assert not told.text(way).endswith("status 0\n")


def test_pip_download_fetches_the_stacks_version(told: Told) -> None:
    assert told.text("download-any").endswith("status 0\n")
    version = told.who("fresh")["numpy"][1]
    assert [p.name.split("-")[1] for p in (told.user.home / "out/downloaded").iterdir()] == [version]


@pytest.mark.parametrize("way", ["needing", "upgrade"])
def test_pip_keeps_the_stacks_numpy_for_a_dependent_and_in_an_upgrade(told: Told, way: str) -> None:
    text = told.text(way)
    assert text.endswith("status 0\n")
    (would,) = (line for line in text.splitlines() if line.startswith("Would install"))
    assert "pandas-2.2.2" in would and "numpy-" not in would


def test_pip_check_finds_no_broken_requirements(told: Told) -> None:
    assert told.text("check") == "No broken requirements found.\nstatus 0\n"
