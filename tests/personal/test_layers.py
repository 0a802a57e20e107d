"""The import order that an environment sets at each start of Python, whatever users do with it.

The environment is based on a bundle that sets PYTHONPATH or, on other stacks, EBPYTHONPREFIXES.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from stacked import open_stack
from users import User, make_once, make_user

SITE_PACKAGES = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
LAYERS = "_stackenv_layers.py"


@pytest.fixture(scope="module", params=["eb5-pythonpath", "eb4-prefixes", "eb5-prefixes"])
def owner(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> User:
    """A user with an environment that sees no packages of the base Python."""
    stack = open_stack(request.param)

    def make(folder: Path) -> None:
        user = make_user(folder, stack)
        made = user.stackenv(
            *("create", "it", "--no-system-site-packages", "--allow-shadow", "packaging"),
            load=[stack.bundle_module],
        )
        assert made.returncode == 0, made.stderr

    return make_user(make_once(tmp_path_factory, f"layers-{request.param}", make), stack)


@pytest.fixture(autouse=True)
def alone(owner: User) -> Iterator[None]:
    """Let only one test at a time use the environment, where tests run in several processes."""
    with FileLock(f"{owner.home}.lock"):
        yield


def site_packages(user: User) -> Path:
    return user.home / "venvs/it-1.0" / SITE_PACKAGES


def bundle_folder(user: User, module: str = "") -> str:
    return f"{user.stack.software}/{module or user.stack.bundle_module}/{SITE_PACKAGES}"


def in_environment(user: User, script: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return user.run(f"module use ~/modules; module load it || exit 99\n{script}", **changes)


def python(user: User, code: str, options: str = "", **changes: str) -> str:
    """Return what `code` prints in the environment; fail if it writes anything to stderr."""
    done = in_environment(user, f"python {options} -c {shlex.quote(code)}", **changes)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


@pytest.fixture
def editable(owner: User, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A checkout of another version of packaging, installed as editable in the layout that the test names."""
    layout = request.param
    source = tmp_path / "checkout"
    package = source / ("src/packaging" if layout == "path" else "packaging")
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "mine.py").write_text("")
    find = 'package-dir = {"" = "src"}\n' if layout == "path" else 'packages = ["packaging"]\n'
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        f'[project]\nname = "packaging"\nversion = "99"\n[tool.setuptools]\n{find}'
    )
    done = in_environment(owner, f"pip install -e {source} --no-deps")
    assert done.returncode == 0, done.stdout + done.stderr
    yield package
    assert in_environment(owner, "pip uninstall -y packaging").returncode == 0


@pytest.mark.parametrize("editable", ["path", "hook"], indirect=True)
def test_editable_packages_come_before_the_stacks(owner: User, editable: Path) -> None:
    hooks = list(site_packages(owner).glob("__editable___*_finder.py"))
    assert bool(hooks) == (editable.parent.name != "src")
    code = "import packaging.mine, importlib.metadata as m; print(packaging.__file__, m.version('packaging'))"
    assert python(owner, code) == f"{editable}/__init__.py 99"
    assert python(owner, code, "-s") == f"{editable}/__init__.py 99"


@pytest.mark.any_value("owner")
@pytest.mark.parametrize("editable", ["hook"], indirect=True)
def test_python_files_beside_a_script_come_before_editable_packages(
    owner: User, editable: Path, tmp_path: Path
) -> None:
    (tmp_path / "packaging.py").write_text("")
    (tmp_path / "script.py").write_text("import packaging; print(packaging.__file__)\n")
    assert in_environment(owner, f"python {tmp_path}/script.py").stdout == f"{tmp_path}/packaging.py\n"


def test_imports_in_other_pth_files_find_the_right_packages(owner: User) -> None:
    """The file comes between stackenv's two, and imports a package that stack and environment both have."""
    own = site_packages(owner) / "packaging"
    pth = site_packages(owner) / "middle.pth"
    own.mkdir()
    (own / "__init__.py").write_text("OWN = True\n")
    pth.write_text("import sys, numpy, packaging; sys.seen = numpy.__file__, packaging.OWN\n")
    try:
        code = "import sys; print(*sys.seen)"
        assert python(owner, code) == f"{bundle_folder(owner)}/numpy/__init__.py True"
    finally:
        pth.unlink()
        (own / "__init__.py").unlink()
        subprocess.run(["rm", "-r", str(own)], check=True)


@pytest.mark.each_value("owner", "fault")
@pytest.mark.parametrize(
    "fault", ["def broken(:\n", "raise SystemError('broken')\n", "import nowhere\n", "", None]
)
def test_python_starts_with_a_hint_when_the_import_order_file_is_broken(
    owner: User, tmp_path: Path, fault: str | None
) -> None:
    """The file has a syntax error, raises an exception, imports a missing module, is empty, or is deleted."""
    # The broken file is in a copy, so that other tests do not meet it.
    copied = tmp_path / "copy"
    subprocess.run(["cp", "-a", str(owner.home / "venvs/it-1.0"), str(copied)], check=True)
    layers = copied / SITE_PACKAGES / LAYERS
    if fault is None:
        layers.unlink()
    else:
        layers.write_text(fault)
    done = in_environment(owner, f"{copied}/bin/python -c 'import json; print(json.__name__)'")
    assert (done.returncode, done.stdout) == (0, "json\n")
    (line,) = done.stderr.splitlines()
    assert line.startswith("stackenv: the import order of it/1.0 could not be set: ")
    assert line.endswith("; hint: stackenv edit it/1.0 --refresh")


@pytest.mark.any_value("owner")
@pytest.mark.each_value("lost")
@pytest.mark.parametrize("lost", ["00_stackenv.pth", "zz_stackenv.pth"])
def test_one_of_the_two_pth_files_is_enough_for_the_import_order(
    owner: User, tmp_path: Path, lost: str
) -> None:
    copied = tmp_path / "copy"
    subprocess.run(["cp", "-a", str(owner.home / "venvs/it-1.0"), str(copied)], check=True)
    (copied / SITE_PACKAGES / lost).unlink()
    done = in_environment(owner, f"{copied}/bin/python -c 'import pip; print(pip.__file__)'")
    assert done.stdout == f"{copied}/{SITE_PACKAGES}/pip/__init__.py\n", done.stderr


SOURCE = "import sys, packaging; print(packaging.__file__)"


def test_the_users_sources_on_pythonpath_come_first(owner: User) -> None:
    (owner.home / "src/packaging").mkdir(parents=True, exist_ok=True)
    (owner.home / "src/packaging/__init__.py").write_text("")
    for path in ("src", str(owner.home / "src")):
        done = in_environment(owner, f"PYTHONPATH={path}:$PYTHONPATH python -c '{SOURCE}'")
        assert done.stdout == f"{owner.home}/src/packaging/__init__.py\n"


def test_site_packages_on_pythonpath_come_after_those_of_the_environment(owner: User) -> None:
    """As by `pip install --prefix`: a user's own folder of packages, older than the environment."""
    foreign = owner.home / "prefix" / SITE_PACKAGES
    (foreign / "pip").mkdir(parents=True, exist_ok=True)
    (foreign / "pip/__init__.py").write_text("")
    code = "import pip; print(pip.__file__)"
    done = in_environment(owner, f"PYTHONPATH={foreign}:$PYTHONPATH python -c '{code}'")
    assert done.stdout == f"{site_packages(owner)}/pip/__init__.py\n"


def test_child_processes_inherit_the_variables_unchanged(owner: User) -> None:
    names = ("PYTHONPATH", "EBPYTHONPREFIXES", "PYTHONNOUSERSITE", "PIP_CONSTRAINT", "PYTHONHOME")
    show = f"import os; print([os.environ.get(n) for n in {names}])"
    code = f"import subprocess; subprocess.run(['/usr/bin/python3', '-c', {show!r}], check=True)"
    beside = in_environment(owner, f'/usr/bin/python3 -c "{show}"')
    assert python(owner, code) == beside.stdout.strip()


def test_spawned_processes_have_the_same_import_path(owner: User, tmp_path: Path) -> None:
    script = tmp_path / "spawn.py"
    script.write_text(
        "import multiprocessing, sys\n"
        "def look(_):\n    import numpy\n    return numpy.__file__, list(sys.path)\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.map(look, [0]) == [look(0)], look(0)[0])\n"
    )
    done = in_environment(owner, f"python {script}")
    assert done.stdout.split() == ["True", f"{bundle_folder(owner)}/numpy/__init__.py"], done.stderr


def test_a_venv_created_inside_is_based_on_the_base_python(owner: User, tmp_path: Path) -> None:
    done = in_environment(
        owner,
        f"python -m venv --without-pip {tmp_path}/inner && "
        f"{tmp_path}/inner/bin/python -I -c 'import sys; print(sys.base_prefix, *sys.path)'",
    )
    base, *paths = done.stdout.split()
    assert base == f"{owner.stack.software}/{owner.stack.python_module}"
    assert str(tmp_path / "inner" / SITE_PACKAGES) in paths
    assert str(site_packages(owner)) not in paths


def test_ignoring_environment_variables_keeps_the_environments_packages(owner: User) -> None:
    """With -E PYTHONPATH is not read, and the environment's own packages are found."""
    assert python(owner, "import pip; print(pip.__file__)", "-E").startswith(str(site_packages(owner)))


def test_the_user_site_is_hidden_from_the_environments_python_only(owner: User) -> None:
    user_site = owner.home / ".local" / SITE_PACKAGES
    user_site.mkdir(parents=True, exist_ok=True)
    assert str(user_site) not in json.loads(python(owner, "import sys, json; print(json.dumps(sys.path))"))
    outside = owner.run("/usr/bin/python3 -c 'import sys; print(sys.path)'")
    assert str(user_site) in outside.stdout


def test_python_opens_only_a_few_more_files_at_its_start(owner: User, tmp_path: Path) -> None:
    """They are the layers' module and two .pth files, which site.py reads twice in a plain venv.

    No folder of PYTHONPATH is among them.
    """

    def count(layers: bool) -> list[str]:
        folder, trace = site_packages(owner), tmp_path / "trace"
        copied = tmp_path / f"copy-{layers}"
        subprocess.run(["cp", "-a", str(owner.home / "venvs/it-1.0"), str(copied)], check=True)
        if not layers:
            for path in list((copied / SITE_PACKAGES).glob("*stackenv*")):
                path.unlink()
        start = f"{copied}/bin/python -c pass"
        done = in_environment(
            owner, f"{start} && strace -f -e trace=open,openat,execve -o {trace} {start}; echo $?"
        )
        assert done.stdout == "0\n", done.stderr
        assert folder.is_dir()
        lines = trace.read_text().splitlines()
        return [line.split('"')[1] for line in lines if '"' in line and " = -1 " not in line]

    without, with_layers = count(False), count(True)
    opened = {Path(path).name for path in with_layers} - {Path(path).name for path in without}
    ours = {"00_stackenv.pth", "zz_stackenv.pth"}
    assert ours <= opened
    assert {name.partition(".")[0] for name in opened - ours} == {"_stackenv_layers"}
    bundle = bundle_folder(owner)
    looked = with_layers.count(bundle) - without.count(bundle)
    # Python itself looks into a prefix that was added; with EasyBuild 4 it does so without stackenv, too.
    assert looked == {"eb5-pythonpath": 0, "eb4-prefixes": 1, "eb5-prefixes": 2}[owner.stack.name]
    assert len(with_layers) - len(without) <= 5 + looked
