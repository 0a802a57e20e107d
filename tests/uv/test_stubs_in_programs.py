"""Other programs act with stubs as without them, or as docs/explanation/pip-and-uv.md says."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from made_stack import Made, find_python, make_module, make_python_module
from stacked import WORK, open_stack
from users import User, make_once, make_user

INSTALLERS = WORK / "installers/bin"
HOOK = "def pytest_report_header(config):\n    return 'here: {}'\n"
FOLDERS = "def list_hooks():\n    return ['/hooks of stack_plugin']\n"
PLUGIN = """\
[pytest11]
stack-plugin = stack_plugin

[pyinstaller40]
hook-dirs = stack_plugin:list_hooks
"""
# Packages of the module: one with a plugin for pytest, and one with a command that needs the first.
OF_MODULES = (
    Made("stack_plugin", entry_points=PLUGIN, code=HOOK.format("stack") + FOLDERS),
    Made("stack_tool", requires=["stack_plugin"], entry_points="[console_scripts]\ntool = stack_tool:main\n"),
)
OWN = Made(
    "own_plugin",
    requires=["stack_tool"],
    entry_points="[pytest11]\nown-plugin = own_plugin\n",
    code=HOOK.format("own"),
)
# The packages of pytest and PyInstaller, without packaging, which the modules have.
TOOLS = {
    "venv": ("pytest", "_pytest", "py.py", "pluggy", "iniconfig", "pygments"),
    "installers": ("PyInstaller", "_pyinstaller_hooks_contrib", "altgraph"),
}
REPORT = """
import json, sys
from collections import Counter
from importlib import metadata, resources

def read(name):
    found = metadata.distribution(name)
    return [found.version, found.requires, found.metadata["Summary"], sorted(map(str, found.entry_points))]

if sys.version_info >= (3, 10):
    plugins = [(entry.name, entry.value) for entry in metadata.entry_points(group="pytest11")]
    from_modules = {key: sorted(set(names)) for key, names in metadata.packages_distributions().items()}
else:
    plugins = [(entry.name, entry.value) for entry in metadata.entry_points()["pytest11"]]
    from_modules = {}

import warnings
warnings.simplefilter("error")
warnings.filterwarnings("ignore", message="(pkg_resources is deprecated|Deprecated call to)")
import pkg_resources

print(json.dumps({
    "names": sorted({found.metadata["Name"] for found in metadata.distributions()}),
    "read": {name: read(name) for name in sys.argv[1:]},
    "plugins": sorted(plugins),
    "from modules": from_modules,
    "working set": sorted((found.project_name, found.version) for found in pkg_resources.working_set),
    "required": sorted(map(str, pkg_resources.require("own_plugin"))),
    "plugins of pkg_resources": sorted(map(str, pkg_resources.iter_entry_points("pytest11"))),
    "resources": {name: sorted(pkg_resources.resource_listdir(name, "")) for name in sys.argv[1:3]},
    "files": [str(resources.files(name)) for name in sys.argv[1:3]],
}))
"""


@dataclass(frozen=True)
class Pair:
    """A user with two environments based on the same modules: `it` with stubs, and `no` without."""

    user: User

    def python(self, name: str) -> str:
        return f"{self.user.home}/venvs/{name}-1.0/bin/python"

    def packages(self, name: str) -> Path:
        (folder,) = self.user.home.glob(f"venvs/{name}-1.0/lib/python3*/site-packages")
        return folder

    def run(self, name: str, how: str, command: str) -> subprocess.CompletedProcess[str]:
        """Run `command`, with PYTHON as the environment's Python, bare or with its module loaded (`how`)."""
        start = f"module use ~/modules; ml {name} || exit 99\n" if how == "loaded" else ""
        return self.user.run(start + command.replace("PYTHON", self.python(name)))

    def read(self, name: str, how: str, command: str) -> str:
        done = self.run(name, how, command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.replace(f"{name}-1.0", "NAME-1.0")


def make_pair(folder: Path, python: Path | None = None) -> None:
    """Make a pair below `folder`: based on numpy's bundle, or on a module made for `python`."""
    user = open_user(folder)
    (user.home / "site").mkdir()
    (user.home / "report.py").write_text(REPORT)
    below = make_python_module(user, python) if python else user.stack.bundle_module
    python = python or Path(user.stack.software, user.stack.python_module, "bin/python3")
    make_module(user, "Plugged/1.0", OF_MODULES, below, str(python))
    wheel = OWN.write_wheel(user.home / "own")
    for name, options in (("it", []), ("no", ["--no-stubs"])):
        made = user.stackenv("create", name, str(wheel), *options, load=["Plugged/1.0"])
        assert made.returncode == 0, made.stderr
    if user.stack.bundle_module == below:
        make_tools(Pair(user))


def make_tools(pair: Pair) -> None:
    """Add pytest and PyInstaller to both environments, as if they were installed there."""
    tools = pair.user.home / "tools"
    tools.mkdir()
    for venv, names in TOOLS.items():
        (packages,) = (WORK / venv).glob("lib/python3*/site-packages")
        for name in names:
            (tools / name).symlink_to(packages / name)
        for described in chain(packages.glob("pyinstaller_hooks_*-info"), packages.glob("pluggy-*-info")):
            (tools / described.name).symlink_to(described)
    for name in ("it", "no"):
        (pair.packages(name) / "tools.pth").write_text(f"{tools}\n")


def open_user(folder: Path) -> User:
    user = make_user(folder, open_stack("eb5-pythonpath"))
    user.environ["MODULEPATH"] += f":{user.home}/site"
    return user


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair(open_user(make_once(tmp_path_factory, "programs", make_pair)))


@pytest.fixture(scope="module")
def old_pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Return a pair on Python 3.9."""
    python = find_python("3.9")
    return Pair(
        open_user(make_once(tmp_path_factory, "programs-3.9", lambda folder: make_pair(folder, python)))
    )


def list_stubs(pair: Pair) -> list[str]:
    described = pair.packages("it").glob("*.dist-info/INSTALLER")
    return sorted(path.parent.name for path in described if path.read_text() == "stackenv\n")


HOWS = pytest.mark.parametrize("how", ["bare", "loaded"])
PLUGINS = [["own-plugin", "own_plugin"], ["stack-plugin", "stack_plugin"]]


@HOWS
def test_python_and_setuptools_see_the_same_with_and_without_stubs(pair: Pair, how: str) -> None:
    names = "numpy packaging stack_plugin stack_tool own_plugin"
    told: dict[str, dict[str, Any]] = {
        name: json.loads(pair.read(name, how, f"PYTHON report.py {names} 2> /dev/null"))
        for name in ("it", "no")
    }
    assert told["it"] == told["no"]
    assert told["it"]["plugins"] == PLUGINS
    assert [line.partition(" ")[0] for line in told["it"]["plugins of pkg_resources"]] == [
        *("own-plugin", "stack-plugin")
    ]
    assert list_stubs(pair) == [
        f"{name}.dist-info"
        for name in ("numpy-1.25.1", "packaging-23.1", "stack_plugin-1.0", "stack_tool-1.0")
    ]


@HOWS
def test_python_3_9_finds_each_entry_point_once(old_pair: Pair, how: str) -> None:
    """Python 3.9 lists both of two packages of one name, so a package with plugins gets no stub."""
    told = {name: json.loads(old_pair.read(name, how, "PYTHON report.py")) for name in ("it", "no")}
    assert told["it"] == told["no"]
    assert told["it"]["plugins"] == PLUGINS
    assert list_stubs(old_pair) == ["stack_tool-1.0.dist-info"]


@HOWS
def test_pytest_registers_each_plugin_once(pair: Pair, how: str) -> None:
    done = pair.run("it", how, "mkdir -p none; PYTHON -m pytest -p no:cacheprovider none")
    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED, done.stdout + done.stderr
    header = done.stdout.splitlines()
    assert (header.count("here: own"), header.count("here: stack")) == (1, 1)
    (plugins,) = (line.partition(" ")[2].split(", ") for line in header if line.startswith("plugins: "))
    assert sorted(plugins) == ["own_plugin-1.0", "stack_plugin-1.0"]


def read_freeze(text: str) -> dict[str, str]:
    """Return the version or origin of each package in the output of `pip freeze`."""
    return dict(line.replace(" @ ", "==").split("==") for line in text.splitlines())


@pytest.mark.any_value("how")
@HOWS
def test_pip_check_list_and_show_differ_only_in_the_location(pair: Pair, how: str) -> None:
    for command in ("check", "list --format=json"):
        assert pair.read("it", how, f"PYTHON -m pip {command}") == pair.read(
            "no", how, f"PYTHON -m pip {command}"
        )
    shown = {name: pair.read(name, how, "PYTHON -m pip show numpy stack_tool") for name in ("it", "no")}
    of_modules = f"{pair.user.home}/software/Plugged/1.0/packages"
    assert f"Location: {of_modules}\n" in shown["no"]
    without, told = (
        [line for line in text.splitlines() if not line.startswith("Location: ")] for text in shown.values()
    )
    assert told == without
    assert shown["it"].count(f"Location: {pair.packages('it')}\n".replace("it-1.0", "NAME-1.0")) == 2


@pytest.mark.any_value("how")
@HOWS
def test_a_local_freeze_lists_the_stubs_too(pair: Pair, how: str) -> None:
    """`--local`, and `uv pip freeze`, list the modules' packages too, as the page says."""
    stubs = {"numpy": "1.25.1", "packaging": "23.1", "stack_plugin": "1.0", "stack_tool": "1.0"}
    frozen = {name: read_freeze(pair.read(name, how, "PYTHON -m pip freeze")) for name in ("it", "no")}
    assert frozen["it"].keys() == frozen["no"].keys()
    assert {name: frozen["it"][name] for name in stubs} == stubs
    for command in ("PYTHON -m pip freeze --local", f"{INSTALLERS}/uv pip freeze -q -p PYTHON"):
        for name, wanted in (("it", {*stubs, "own_plugin"}), ("no", {"own_plugin"})):
            named = read_freeze(pair.read(name, how, command))
            assert {key.replace("-", "_") for key in named} == wanted


@pytest.mark.any_value("how")
@HOWS
def test_pipdeptree_prints_the_same_tree_and_warns_of_duplicates(pair: Pair, how: str) -> None:
    command = f"{INSTALLERS}/pipdeptree --python PYTHON --warn fail"
    with_stubs, without = (pair.run(name, how, command) for name in ("it", "no"))
    assert with_stubs.stdout == without.stdout
    assert "own_plugin==1.0\n└── stack_tool" in with_stubs.stdout
    assert (with_stubs.returncode, without.returncode, without.stderr) == (0, 0, "")
    _, told = with_stubs.stderr.split("Warning: duplicate package metadata:\n")
    assert told.count("(using ") == len(list_stubs(pair))
    assert "This warning isn't a failure warning." in told


def test_pyinstaller_bundles_packages_of_the_modules(pair: Pair, tmp_path: Path) -> None:
    """The bundled metadata is that of the stub: without the licences, as the page says."""
    (tmp_path / "program.py").write_text(
        "import numpy\nfrom importlib.metadata import version\n"
        "print(numpy.dot([1, 2], [3, 4]), version('numpy'))\n"
    )
    words = "--copy-metadata numpy --recursive-copy-metadata stack_tool program.py"
    made = pair.run("it", "bare", f"cd {tmp_path}; PYTHON -m PyInstaller {words}")
    assert made.returncode == 0, made.stderr
    assert "'hook-numpy.py'" in made.stderr
    bundle = tmp_path / "dist/program"
    started = subprocess.run([bundle / "program"], env={}, capture_output=True, text=True, check=True)
    assert started.stdout == "11 1.25.1\n"
    inside = bundle / "_internal"
    assert list(inside.rglob("libopenblas*"))
    assert sorted(path.name for path in inside.glob("stack_*")) == [
        *("stack_plugin-1.0.dist-info", "stack_tool-1.0.dist-info")
    ]
    described = [path.name for path in (inside / "numpy-1.25.1.dist-info").iterdir()]
    assert sorted(described) == [
        *("INSTALLER", "METADATA", "RECORD", "WHEEL", "entry_points.txt", "top_level.txt")
    ]


def test_pyinstaller_finds_the_hooks_of_the_modules_packages(pair: Pair) -> None:
    code = "from PyInstaller.building import build_main as b; print(sorted(b.discover_hook_directories()))"
    told = {name: pair.read(name, "bare", f'PYTHON -c "{code}"') for name in ("it", "no")}
    assert told["it"] == told["no"]
    assert told["it"].count("/hooks of stack_plugin") == 1


@pytest.mark.any_value("how")
@HOWS
def test_type_checkers_find_the_packages_of_the_modules(pair: Pair, how: str) -> None:
    home = pair.user.home
    (home / "typed.py").write_text("import numpy\nreveal_type(numpy.ndarray.shape)\nimport missing\n")
    told = {}
    for name in ("it", "no"):
        mypy = f"{WORK}/venv/bin/mypy --cache-dir {home}/{name}.mypy --python-executable PYTHON typed.py"
        pyright = f"{WORK}/programs/bin/basedpyright --pythonpath PYTHON typed.py"
        told[name] = [pair.run(name, how, command).stdout for command in (mypy, pyright)]
    assert told["it"] == told["no"]
    for text in told["it"]:
        assert '"missing"' in text and '"numpy"' not in text and "1 error" in text


OTHER = Made("other", requires=["numpy>=1", "stack_tool"])
# Each of these keeps the stubs and the modules' numpy.
INSTALLS = (
    "install other",
    "install --upgrade --upgrade-strategy eager other",
    "install --force-reinstall --no-deps other",
    "install --ignore-installed --no-deps other",
    "install --target elsewhere --no-deps other",
    "install --dry-run numpy",
    "uninstall -y other",
)


@pytest.mark.any_value("pip")
@pytest.mark.parametrize("pip", ["23.2.1", "25.2"])
def test_pip_installs_the_same_with_and_without_stubs(tmp_path: Path, pair: Pair, pip: str) -> None:
    user = open_user(tmp_path)
    (user.home / "site").symlink_to(pair.user.home / "site")
    OTHER.write_wheel(user.home / "own")
    user.environ["PIP_FIND_LINKS"] += f" {user.home}/own"
    new = Pair(user)
    for name, options in (("it", []), ("no", ["--no-stubs"])):
        made = user.stackenv("create", name, f"pip=={pip}", *options, load=["Plugged/1.0"])
        assert made.returncode == 0, made.stderr
    stubs = list_stubs(new)
    for command in INSTALLS:
        told = {name: new.read(name, "loaded", f"PYTHON -m pip {command}") for name in ("it", "no")}
        # Without the location of a package.
        lines = [
            sorted(re.sub(" in [./].*", "", line).partition(" (from")[0] for line in text.splitlines())
            for text in told.values()
        ]
        assert lines[0] == lines[1], command
        assert list_stubs(new) == stubs
    for command in ("install numpy==1.26.4", "install -U numpy==2.1.1", "install packaging==24.2"):
        refused = {name: new.run(name, "loaded", f"PYTHON -m pip {command}") for name in ("it", "no")}
        assert [done.returncode for done in refused.values()] == [1, 1]
        assert "constraint" in refused["it"].stdout + refused["it"].stderr
    assert new.read("it", "loaded", "PYTHON -c 'import numpy; print(numpy.__file__)'").startswith(
        f"{user.stack.software}/"
    )
