"""pipx, tox, nox, Poetry and uv from the package index: with a module loaded each does what it does without.

The tests' folder of wheels does not have them: these need the network, and are the matrix's.
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
    # A mirror may lack what Poetry asks of its own PyPI alone: pypi/NAME/VERSION/json.
    "poetry/pyproject.toml": f"{PROJECT}[tool.poetry]\npackage-mode = false\n"
    '[[tool.poetry.source]]\nname = "index"\nurl = "https://pypi.org/simple"\npriority = "primary"\n',
    "uv/pyproject.toml": PROJECT,
}
TOOLS = {
    # Its later versions ask for packaging 24: held at the stack's, pipx took an old one, with status 0.
    "pipx": "pipx install --quiet build; pipx list --short; pipx runpip build list --format freeze",
    "pipx run": "pipx run --no-cache --spec build pyproject-build --version | cut -d' ' -f1,2",
    # It asks whether the uv that it finds runs: the environment's own is no uv where there is none behind it.
    "pipx without uv": "PATH=${PATH//$UV_FOLDER:/}; pipx install --quiet build; pipx list --short",
    "tox": "tox -q -e py | head -1",
    "nox": "nox -s look",
    # In a project that has an environment of its own: without one Poetry takes the active one for it.
    "Poetry": "cd poetry; poetry env use -q /usr/bin/python3; poetry install -q; "
    f"poetry run python -c '{SHOW}'",
    "uv add": f"cd uv; uv add -q 'packaging>=24.2' six; uv run -q python -c '{SHOW}'",
    "uv sync": f"cd uv; uv sync -q; uv run -q python -c '{SHOW}'",
    "uvx": f"uvx -q --with packaging==24.2 --from build python -c '{SHOW}'",
}


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> User:
    """Return a user with an environment, and with the tools in ~/tools/bin.

    On modules without PYTHONPATH, which breaks pipx and tox by itself, whether by a module of ours or not.
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
    """Run `command` in a new folder of projects, with what it installs there too."""
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
    # Nothing of it has gone into the environment.
    listed = owner.run("module use ~/modules; ml it; pip list --path venvs/it-1.0/lib/python3*/site-packages")
    assert "six" not in listed.stdout and "build" not in listed.stdout
