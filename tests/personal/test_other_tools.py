"""pipx, tox, nox, Poetry and uv from the package index: each works the same with and without a loaded module.

They are not in the tests' folder of wheels, so these tests need the network and run only in the matrix.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from stacked import WORK, open_stack
from users import User, make_once, make_user, online

pytestmark = pytest.mark.matrix

SHOW = "import packaging; print(packaging.__version__)"
PROJECT = """
[project]
name = "p"
version = "1"
requires-python = ">=3.9"
dependencies = ["packaging==24.2"]
"""
FILES = {
    "tox.ini": f"[tox]\nskipsdist = true\n[testenv]\ndeps = packaging==24.2\ncommands = python -c '{SHOW}'\n",
    "noxfile.py": (
        "import nox\n@nox.session\ndef look(session):\n    session.install('packaging==24.2')\n"
        f"    session.run('python', '-c', {SHOW!r})\n"
    ),
    # A mirror may lack pypi/NAME/VERSION/json, which Poetry requests only from its built-in PyPI source.
    "poetry/pyproject.toml": f"{PROJECT}[tool.poetry]\npackage-mode = false\n"
    '[[tool.poetry.source]]\nname = "index"\nurl = "https://pypi.org/simple"\npriority = "primary"\n',
    "uv/pyproject.toml": PROJECT,
}
TOOLS = {
    # Later versions of build require packaging 24: pinned to the stack's packaging, pipx would install an
    # old build, with status 0.
    "pipx": "pipx install --quiet build; pipx list --short; pipx runpip build list --format freeze",
    "pipx run": "pipx run --no-cache --spec build pyproject-build --version | cut -d' ' -f1,2",
    # pipx checks whether the uv that it finds runs: the environment's own only passes calls on to another.
    "pipx without uv": "PATH=${PATH//$UV_FOLDER:/}; pipx install --quiet build; pipx list --short",
    "tox": "tox -q -e py | head -1",
    "nox": "nox -s look",
    # With an environment of its own for the project: without one, Poetry would use the active environment.
    "Poetry": "cd poetry; poetry env use -q /usr/bin/python3; poetry install -q; "
    f"poetry run python -c '{SHOW}'",
    "uv add": f"cd uv; uv add -q 'packaging>=24.2' six; uv run -q python -c '{SHOW}'",
    "uv sync": f"cd uv; uv sync -q; uv run -q python -c '{SHOW}'",
    "uvx": f"uvx -q --with packaging==24.2 --from build python -c '{SHOW}'",
}


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> User:
    """Return a user with an environment, and with the tools in ~/tools/bin.

    The environment is based on modules that do not set PYTHONPATH: any module that does breaks pipx and tox.
    """
    stack = open_stack("eb5-prefixes")

    def make(folder: Path) -> None:
        user = make_user(folder, stack)
        made = user.stackenv("create", "it", load=[stack.bundle_module])
        assert made.returncode == 0, made.stderr
        install = "/usr/bin/python3 -m venv tools && tools/bin/pip install -q pipx tox nox poetry"
        done = user.run(install, **online())
        assert done.returncode == 0, done.stderr

    return make_user(make_once(tmp_path_factory, "tools", make), stack)


def use(user: User, folder: Path, command: str, load: str) -> subprocess.CompletedProcess[str]:
    """Run `command` in a new folder with the projects; what it installs goes there too."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    places = {
        "PIPX_HOME": f"{folder}/pipx",
        "PIPX_BIN_DIR": f"{folder}/bin",
        "POETRY_CACHE_DIR": f"{folder}/poetry-cache",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_FOLDER": f"{WORK}/venv/bin",
        "PIP_CACHE_DIR": f"{user.home}/pip-cache",
    }
    tools = f"export PATH=$PATH:{user.home}/tools/bin"
    return user.run(
        f"module use ~/modules\n{load}\n{tools}\ncd {folder}; set -e; {command}", **online(), **places
    )


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_does_the_same_with_and_without_the_module(owner: User, tmp_path: Path, tool: str) -> None:
    without = use(owner, tmp_path / "without", TOOLS[tool], "")
    inside = use(owner, tmp_path / "inside", TOOLS[tool], "ml it || exit 99")
    assert without.returncode == 0, without.stdout + without.stderr
    assert (inside.returncode, inside.stdout) == (0, without.stdout), inside.stderr
    # Nothing was installed into the environment.
    listed = owner.run("module use ~/modules; ml it; pip list --path venvs/it-1.0/lib/python3*/site-packages")
    assert "six" not in listed.stdout and "build" not in listed.stdout
