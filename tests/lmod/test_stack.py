"""The stacks of the other tests: their modules, and which packages win in a venv on top of them."""

from __future__ import annotations

import json
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from built import LMOD
from stacked import STACKS, Stack, open_stack

# For a plain venv with its own numpy: whether it wins over the module's, and whether the other packages of
# the module are visible.
WHO_WINS = {
    "eb4-pythonpath": (False, True),
    "eb5-pythonpath": (False, True),
    "eb4-prefixes": (True, True),
    "eb5-prefixes": (True, False),
}
# The order of the folders of packages in sys.path with --system-site-packages.
ORDER = {
    "eb4-pythonpath": ["bundle", "easybuild", "venv", "base"],
    "eb5-pythonpath": ["bundle", "venv", "base"],
    "eb4-prefixes": ["venv", "bundle", "easybuild", "base"],
    "eb5-prefixes": ["venv", "bundle", "base"],
}
PROBE = """
import importlib.util, json, sys
found = {name: importlib.util.find_spec(name) for name in ("numpy", "packaging", "pip")}
places = {name: spec and spec.origin for name, spec in found.items()}
print(json.dumps({"path": sys.path, "places": places}))
"""
TOTAL = """
import numpy
from needs_stack_numpy import total
print(total.total([1, 2]), total.NUMPY, numpy.__version__)
"""


@dataclass(frozen=True)
class Place:
    """A stack, and a folder to try things in."""

    stack: Stack
    folder: Path

    def run(self, modules: str, *lines: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `lines` in a bash that has loaded `modules`, offline."""
        done = subprocess.run(
            ["bash", "--norc", "--noprofile", "-e", "-c", "\n".join((f"module load {modules}", *lines))],
            env={
                "HOME": str(self.folder),
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "LANG": "C.UTF-8",
                "BASH_ENV": str(Path(LMOD).parents[1] / "init/bash"),
                "MODULEPATH": self.stack.modulepath,
                "PIP_NO_INDEX": "1",
                "PIP_FIND_LINKS": self.stack.wheels,
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            },
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    def probe(self, modules: str, python: str) -> dict:
        """Return sys.path and the locations of numpy, packaging and pip in `python`."""
        return json.loads(self.run(modules, f"{python} -c {shlex.quote(PROBE)}").stdout)

    def root(self, module: str) -> str:
        return f"{self.stack.software}/{module}/"


@pytest.fixture(scope="module", params=STACKS)
def place(request, tmp_path_factory) -> Place:
    return Place(open_stack(request.param), tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def with_venv(place: Place) -> Place:
    """Create a plain venv with numpy 2.1.1 on the bundle."""
    place.run(
        place.stack.bundle_module, "python -m venv venv", "venv/bin/python -m pip install -q numpy==2.1.1"
    )
    return place


@pytest.mark.parametrize("generation", ["", "next_"])
def test_numpy_comes_from_the_module(place: Place, generation: str) -> None:
    bundle = getattr(place.stack, f"{generation}bundle_module")
    done = place.run(
        bundle,
        'python -c "import numpy; print(numpy.__version__, numpy.__file__)"',
        'echo "$EBEXTSLISTSCIPYMINBUNDLE"',
        "command -v python",
    )
    numpy, extensions, python = done.stdout.splitlines()
    version, file = numpy.split()
    assert file.startswith(place.root(bundle))
    assert f"numpy-{version}" in extensions.split(",")
    assert python == place.root(getattr(place.stack, f"{generation}python_module")) + "bin/python"


def test_the_modules_set_the_variables_the_stack_is_named_for(place: Place) -> None:
    done = place.run(place.stack.bundle_module, 'echo "$PYTHONPATH|$EBPYTHONPREFIXES"')
    pythonpath, prefixes = done.stdout.strip().split("|")
    bundle = place.root(place.stack.bundle_module)
    assert (bundle in f"{prefixes}/") == place.stack.name.endswith("-prefixes")
    assert (bundle in pythonpath) == place.stack.name.endswith("-pythonpath")
    assert ("easybuild/python" in pythonpath) == place.stack.name.startswith("eb4-")


def test_another_generation_replaces_the_loaded_one_and_unloads_cleanly(place: Place) -> None:
    stack = place.stack
    done = place.run(
        f"{stack.other_module} {stack.bundle_module}",
        f"module load {stack.next_bundle_module}",
        'echo "$LOADEDMODULES"',
        f"module unload {stack.next_bundle_module}",
        'echo "$LOADEDMODULES $STACKENV_TEST_ZLIB $PYTHONPATH$EBPYTHONPREFIXES"',
    )
    both, left = done.stdout.splitlines()
    assert set(both.split(":")) == {stack.other_module, stack.next_python_module, stack.next_bundle_module}
    assert left.split() == [stack.other_module, stack.other_module.partition("/")[2]]


def test_the_modules_python_has_the_paths_of_a_plain_cpython(place: Place) -> None:
    root = place.root(place.stack.python_module)
    code = "import json, sys, sysconfig; print(json.dumps([sys.path[1:], sysconfig.get_paths()]))"
    path, schemes = json.loads(place.run(place.stack.python_module, f"python -c '{code}'").stdout)
    assert [entry for entry in path if not entry.startswith(root)] == []
    assert sum(entry.endswith("/site-packages") for entry in path) == 1
    assert "dist-packages" not in "".join([*path, *schemes.values()])
    assert {name for name, folder in schemes.items() if not f"{folder}/".startswith(root)} == set()


def test_a_plain_venv_imports_numpy_from_the_expected_place(with_venv: Place) -> None:
    seen = with_venv.probe(with_venv.stack.bundle_module, "venv/bin/python")
    bundle, venv = with_venv.root(with_venv.stack.bundle_module), f"{with_venv.folder}/venv/"
    wins, others_visible = WHO_WINS[with_venv.stack.name]
    assert seen["places"]["numpy"].startswith(venv if wins else bundle)
    assert seen["places"]["pip"].startswith(venv)
    if others_visible:
        assert seen["places"]["packaging"].startswith(bundle)
    else:
        assert seen["places"]["packaging"] is None
        assert not any(entry.startswith(bundle) for entry in seen["path"])


def test_pip_list_in_a_plain_venv_agrees_with_the_imports(with_venv: Place) -> None:
    done = with_venv.run(with_venv.stack.bundle_module, "venv/bin/python -m pip list --format=json")
    versions = {entry["name"]: entry["version"] for entry in json.loads(done.stdout)}
    wins, others_visible = WHO_WINS[with_venv.stack.name]
    assert (versions["numpy"] == "2.1.1") == wins
    assert ("packaging" in versions) == others_visible


def test_system_site_packages_include_the_modules_packages_in_order(place: Place) -> None:
    bundle, python = place.stack.bundle_module, place.stack.python_module
    place.run(bundle, "python -m venv --without-pip --system-site-packages wide")
    seen = place.probe(bundle, "wide/bin/python")
    assert seen["places"]["numpy"].startswith(place.root(bundle))
    assert seen["places"]["packaging"].startswith(place.root(bundle))
    assert seen["places"]["pip"].startswith(place.root(python))
    library = "/".join(Path(seen["places"]["numpy"]).parts[-5:-2])
    names = {
        f"{place.root(bundle)}{library}": "bundle",
        f"{place.root(python)}easybuild/python": "easybuild",
        f"{place.folder}/wide/{library}": "venv",
        f"{place.root(python)}{library}": "base",
    }
    assert [names[entry] for entry in seen["path"] if entry in names] == ORDER[place.stack.name]


@pytest.mark.any_value("place")
def test_source_distributions_build_as_their_names_say(place: Place) -> None:
    bundle = place.stack.bundle_module
    place.run(bundle, "python -m venv --system-site-packages builder")
    pip = "builder/bin/python -m pip install -q"
    place.run(bundle, f"{pip} needs-new-setuptools needs-numpy-two")
    built = place.run(bundle, 'builder/bin/python -c "import needs_numpy_two as n; print(n.NUMPY)"').stdout
    assert built.startswith("2.")
    isolated = place.run(bundle, f"{pip} needs-stack-numpy", check=False)
    assert isolated.returncode != 0
    assert "No module named 'numpy'" in isolated.stderr
    done = place.run(
        bundle,
        f"{pip} wheel",
        f"{pip} --no-build-isolation needs-stack-numpy",
        f"builder/bin/python -c {shlex.quote(TOTAL)}",
    )
    total, built_with, version = done.stdout.split()
    assert (float(total), built_with) == (3.0, version)
