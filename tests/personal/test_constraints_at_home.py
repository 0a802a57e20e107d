"""The constraints apply in their environment only, not to other programs started in the same shell."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from built import SITE_CONFIGURATION, BuiltModules
from condas import CONDA
from stacked import open_stack
from users import User, make_once, make_user

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
# Prints its last argument, and the PIP_CONSTRAINT of the Python that runs it.
SHOW = 'import os, sys; print(sys.argv[-1], os.environ.get("PIP_CONSTRAINT", "unset"))\n'


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> User:
    """Return a user with an environment, and a venv of the modules' Python that was created inside it."""
    stack = open_stack("eb5-pythonpath")

    def make(folder: Path) -> None:
        user = make_user(folder, stack)
        made = user.stackenv("create", "it", load=[stack.bundle_module])
        assert made.returncode == 0, made.stderr
        done = user.run("module use ~/modules; ml it && python -m venv ~/inner")
        assert done.returncode == 0, done.stderr

    return make_user(make_once(tmp_path_factory, "at-home", make), stack)


def in_environment(owner: User, script: str, **changes: str) -> str:
    """Return what `script` prints in a shell with the module."""
    done = owner.run(f"module use ~/modules; ml it || exit 99\n{script}", **changes)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


OUTSIDE = {
    "inner venv": ". ~/inner/bin/activate; pip install -q --dry-run --report $TMPDIR/r packaging==24.2",
    "inner venv by path": "~/inner/bin/python -m pip install -q --dry-run --report $TMPDIR/r packaging==24.2",
    "pip --python": "pip --python ~/inner install -q --dry-run --report $TMPDIR/r packaging==24.2",
    "PIP_PYTHON": "PIP_PYTHON=~/inner/bin/python pip install -q --dry-run --report $TMPDIR/r packaging==24.2",
    "pip --target": "pip install -q --target $TMPDIR/t packaging==24.2",
    "uv pip --python": "uv pip install --dry-run --python ~/inner packaging==24.2",
    "uv in an inner venv": ". ~/inner/bin/activate; uv pip install --dry-run packaging==24.2",
    "uv pip --target": "uv pip install --target $TMPDIR/t packaging==24.2",
    "uvx": "uvx --with packaging==24.2 --from six python -c 'import packaging; print(packaging.__version__)'",
    "uv add": "mkdir $TMPDIR/p && cd $TMPDIR/p && uv init -q --bare && uv add -q packaging==24.2",
}


@pytest.mark.parametrize("command", OUTSIDE)
def test_another_pip_or_uv_in_the_same_shell_ignores_the_constraints(
    owner: User, tmp_path: Path, command: str
) -> None:
    (tmp_path / "uv.toml").write_text("no-index = true\n")
    settings = {"UV_CONFIG_FILE": f"{tmp_path}/uv.toml", "UV_PYTHON_DOWNLOADS": "never"}
    in_environment(owner, OUTSIDE[command], TMPDIR=str(tmp_path), **settings)


# The words after `python`, the variables set for it, and its PIP_CONSTRAINT: stackenv's file (with the user's
# own after it), no value, or an empty file. For the last two it is the user's own file where that is set.
OURS, NOTHING, EMPTY = "ours", "unset", "/dev/null"
STARTS = (
    ("./pip install", "", OURS),
    ("./pip3 install", "", OURS),
    (f"./pip{MINOR} install", "", OURS),
    ("./__pip-runner__.py install", "", OURS),
    ("-I ./pip install", "", OURS),
    ("-W ignore ./pip install", "", OURS),
    ("-X utf8 -Wignore ./pip install", "", OURS),
    ("--check-hash-based-pycs never ./pip install", "", OURS),
    ("./pip --python-version 3.9 download", "", OURS),
    ("./pip --python ~/inner install", "", NOTHING),
    ("./pip --python=~/inner install", "", NOTHING),
    ("./pip --pyth ~/inner install", "", NOTHING),
    ("./pip install", "PIP_PYTHON=$HOME/inner", NOTHING),
    ("./__pip-runner__.py --python ~/venvs/it-1.0 install", "_PIP_RUNNING_IN_SUBPROCESS=1", OURS),
    ("./own/pip/__main__.py install", "", OURS),
    ("-m pip.__main__ install", "PYTHONPATH=$PWD/own", OURS),
    ("-m pip._internal install", "PYTHONPATH=$PWD/own", OURS),
    # pip accepts --python only before its command, and not where it is the value of another option.
    ("./pip3 install --global-option --python six", "", OURS),
    ("./pip3 --log --python install six", "", OURS),
    ("./pip3 -v --log=x --cert x --pyth=~/inner install six", "", NOTHING),
    ("- <./hook.py pip install", "", NOTHING),
    ("./pipenv install", "", NOTHING),
    ("./pip-sync", "", NOTHING),
    ("./pip.pyz install", "", OURS),
    ("./hook.py pip install", "", NOTHING),
    # An install into a folder of the user's replaces nothing in the environment.
    ("./pip install --target /tmp/x six", "", EMPTY),
    ("./pip install --ta=/tmp/x six", "", EMPTY),
    ("./pip install -Ut /tmp/x six", "", EMPTY),
    ("./pip install six -tx", "", EMPTY),
    ("./pip install --prefix=/tmp/x six", "", EMPTY),
    ("./pip install --root /tmp/x six", "", EMPTY),
    ("./pip install six", "PIP_TARGET=/tmp/x", EMPTY),
    ("./pip install --target $VIRTUAL_ENV/lib/x six", "", OURS),
    ("./pip install --root / --prefix $VIRTUAL_ENV six", "", OURS),
    ("./pip install --pre --prefer-binary --root-user-action ignore six xt", "", OURS),
    ("./pip install --global-option --target -- six --target", "", OURS),
    # As pip fills a build environment, and as a build in it starts pip (setuptools' setup_requires).
    ("./pip install --prefix /tmp/pip-build-env-x/overlay", "", EMPTY),
    ("./__pip-runner__.py install --prefix /tmp/pip-build-env-x/overlay", "", EMPTY),
    ("./pip wheel", "PYTHONPATH=/tmp/pip-build-env-x/site", EMPTY),
    ("./pip wheel", "_PYPROJECT_HOOKS_BUILD_BACKEND=setuptools.build_meta", EMPTY),
    ("./pip wheel", "PEP517_BUILD_BACKEND=setuptools.build_meta", EMPTY),
    ("./hook.py", "PYTHONPATH=/tmp/pip-build-env-x/site", NOTHING),
    # Started by another pip of this environment, as a pip that setup.py starts.
    ("./pip wheel", "STACKENV_OUTER_PIP=1:$VIRTUAL_ENV", EMPTY),
    ("./__pip-runner__.py install", "_PIP_RUNNING_IN_SUBPROCESS=1 STACKENV_OUTER_PIP=1:$VIRTUAL_ENV", EMPTY),
    ("./pip wheel", "STACKENV_OUTER_PIP=1:$HOME/inner", OURS),
)


def test_each_python_process_gets_the_right_pip_constraint(owner: User, tmp_path: Path) -> None:
    """Scripts with the names of pip's programs print it, also with variables that an outer pip has set."""
    names = {words.split("./")[1].split()[0] for words, _, _ in STARTS if "./" in words}
    for name in (*names, "own/pip/__init__.py", "own/pip/_internal/__main__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("" if name.endswith("__init__.py") else SHOW)
    url = f"file://{owner.home}/venvs/it-1.0/stackenv/constraints.txt"
    given = {"": "unset PIP_CONSTRAINT", "/own.txt": "export PIP_CONSTRAINT=/own.txt"}
    given[f"{url} /own.txt"] = f"export PIP_CONSTRAINT='{url} /own.txt'"
    of_old = url.replace("///", "/")
    given[f"{of_old} /own.txt"] = f"export PIP_CONSTRAINT='{of_old} /own.txt'"
    given[url] = f"export PIP_CONSTRAINT={url}"
    script, wanted = [f"cd {tmp_path}"], []
    for value, code in given.items():
        script.append(code)
        own = "/own.txt" if "/own.txt" in value else ""
        for number, (words, variables, has) in enumerate(STARTS):
            script.append(f"{variables} python {words} {number}")
            left = {OURS: " ".join(filter(None, (url, own))), NOTHING: own or NOTHING, EMPTY: own or EMPTY}
            wanted.append(f"{number} {left[has]}")
    assert in_environment(owner, "\n".join(script)).splitlines() == wanted


BACKEND = """\
import os, subprocess, sys
def build_wheel(*_, **__):
    show = "import os; print('SEEN', os.environ.get('PIP_CONSTRAINT', 'unset'))"
    for python in (sys.executable, os.path.expanduser("~/inner/bin/python")):
        subprocess.run([python, "-c", show], check=True)
    # As setuptools fetches what setup_requires names.
    fetch = ["-m", "pip", "wheel", "--no-deps", "-q", "-w", os.environ["TMPDIR"], "packaging==24.2"]
    subprocess.run([sys.executable, *fetch], check=True)
    raise SystemExit("fetched")
prepare_metadata_for_build_wheel = build_wheel
"""


@pytest.mark.parametrize("isolation", ["", "--no-build-isolation"])
def test_processes_started_by_a_build_are_not_constrained(
    owner: User, tmp_path: Path, isolation: str
) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["pip==25.2"]\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (tmp_path / "backend.py").write_text(BACKEND)
    done = owner.run(
        f"module use ~/modules; ml it\npip -v install {isolation} {tmp_path}", TMPDIR=str(tmp_path)
    )
    said = done.stdout + done.stderr
    assert "fetched" in said, said
    assert said.count("SEEN unset") == 2
    assert "SEEN file:" not in said


def test_setup_requires_of_a_setup_py_is_not_constrained(owner: User, tmp_path: Path) -> None:
    """Without a pyproject.toml pip up to 25.2 runs setup.py itself, and setuptools starts another pip."""
    (tmp_path / "setup.py").write_text(
        "import setuptools\nsetuptools.setup(name='legacy', version='1', setup_requires='packaging==24.2')\n"
    )
    wheel = next(Path(owner.stack.wheels).glob("wheel-*.whl"))
    said = in_environment(
        owner,
        f"PYTHONPATH=$PYTHONPATH:{wheel} pip install --no-deps --dry-run --no-use-pep517 {tmp_path}",
        TMPDIR=str(tmp_path),
    )
    assert "Would install legacy-1" in said


def test_the_pip_section_of_conda_env_create_ignores_the_constraints(
    owner: User, tmp_path: Path, built_modules: BuiltModules
) -> None:
    (tmp_path / "site.yaml").write_text(SITE_CONFIGURATION)
    (tmp_path / "env.yml").write_text("dependencies: [python, pip, {pip: [packaging==24.2]}]\n")
    show = "import packaging, sys; print(packaging.__version__, packaging.__file__)"
    done = in_environment(
        owner,
        f"ml {CONDA}; conda env create -q -p {tmp_path}/made -f {tmp_path}/env.yml >&2 && "
        f"env -u PYTHONPATH {tmp_path}/made/bin/python -c '{show}'",
        MODULEPATH=f"{owner.stack.modulepath}:{built_modules.modulepath}",
        STACKENV_SITE_CONFIG=f"{tmp_path}/site.yaml",
    )
    assert done == f"24.2 {tmp_path}/made/lib/python{MINOR}/site-packages/packaging/__init__.py\n"
