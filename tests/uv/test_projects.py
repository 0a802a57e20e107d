"""docs/users/projects.md: each command of the page is run, and does what the page promises.

Poetry and PDM need a package index and are tested in the matrix: they accept no folder of wheels.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from own_prefix import install_thin_module
from projects_page import PAGE as TEXT
from projects_page import REFUSED, Ran, assert_as_promised, read_page, read_rows, type_in
from stacked import STACKS, WORK, open_stack
from users import STACKENV, User, make_user, online
from uvs import UVS
from wheels import make_wheel

PROJECT = """\
[project]
name = "p"
version = "1"
requires-python = "{python}"
dependencies = [{needed}]
"""
# The Python of the stacks, and a range of Pythons that no single numpy of theirs supports.
NARROW, WIDE = "==3.11.*", ">=3.8"
# Poetry asks only its built-in PyPI for pypi/NAME/VERSION/json, which a mirror may lack.
POETRY = """\
[tool.poetry]
package-mode = false
[[tool.poetry.source]]
name = "index"
url = "https://pypi.org/simple"
priority = "primary"
"""
PDM = "[tool.pdm]\ndistribution = false\n"
NO_DOWNLOADS = {"UV_PYTHON_DOWNLOADS": "never"}
OVERRIDE = "PDM_OVERRIDE=$VIRTUAL_ENV/stackenv/constraints.txt"
PACKAGE = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[tool.setuptools]
py-modules = ["analysis"]
"""
ANALYSIS = "import Bio, numpy\nprint(Bio.__version__, numpy.__version__, numpy.__file__)\n"
PAGE_TEXT = TEXT.read_text(encoding="utf-8")
PAGE = read_page()
BEGIN, SHORT, LOCKED, UV, REMOVES, WITHOUT, POETRY_TITLE, PDM_TITLE, PIP_TOOLS = PAGE
ROWS = read_rows()


@dataclass(frozen=True)
class Owner:
    """A user with the environment `biopy` of the page, as it was just created."""

    user: User
    kept: Path
    tools: Path
    version: str

    @property
    def prefix(self) -> Path:
        return self.user.home / "venvs/biopy-1.0"

    @property
    def project(self) -> Path:
        return self.user.home / "analysis"

    def renew(self, *dependencies: str, python: str = NARROW, more: str = "") -> None:
        """Restore the environment as created; make a new project for `python` that needs `dependencies`."""
        shutil.rmtree(self.prefix, ignore_errors=True)
        subprocess.run(["cp", "-a", self.kept, self.prefix], check=True)
        shutil.rmtree(self.project, ignore_errors=True)
        self.project.mkdir()
        needed = ", ".join(f'"{name}"' for name in dependencies)
        text = PROJECT.format(python=python, needed=needed) + more
        # Without a final newline, as an editor may leave it.
        (self.project / "pyproject.toml").write_text(text.rstrip("\n"))
        (self.project / "analysis.py").write_text(ANALYSIS)
        (self.project / "requirements.in").write_text("biopython\n")

    def type(self, *commands: str, uv: str = "newest", **changes: str) -> list[Ran]:
        """Run `commands` in the folder of the project, with the module loaded."""
        (site,) = self.prefix.glob("lib/python3*/site-packages")
        begin = "module load stackenv biopy"
        assert f"In a new shell, `{begin}` is enough" in PAGE_TEXT
        path = f"{self.tools}/{uv.split()[0]}:/usr/bin:/bin"
        environ = {"SITE": str(site), "PATH": path, **NO_DOWNLOADS, **changes}
        return type_in(self.user, self.project, commands, begin, **environ)

    def is_of_module(self, printed: str) -> bool:
        """Return whether the output of analysis.py names the module's numpy."""
        return bool(re.search(rf"^\S+ {re.escape(self.version)} {self.user.stack.software}/", printed, re.M))


def link_tools(folder: Path) -> None:
    """Make a folder for each uv, with links to it and to the other programs of the page, and nothing else."""
    for label, uvs in UVS.items():
        place = folder / label.split()[0]
        place.mkdir(parents=True)
        for name in ("uv", "uvx"):
            (place / name).symlink_to(uvs / name)
        for name in ("poetry", "pdm", "pip-compile"):
            (place / name).symlink_to(WORK / "installers/bin" / name)
        (place / "stackenv").symlink_to(STACKENV)


def make_owner(base: Path, stack_name: str) -> Owner:
    """Return a user who has run the first commands of the page, once for all tests; the home is in `base`."""
    user = make_user(base, open_stack(stack_name))
    site = base / "site"
    if not site.exists():
        site.mkdir()
        install_thin_module(site)
    user.environ["MODULEPATH"] += f":{site}/modules"
    owner = Owner(user, base / "kept", base / "tools", "")
    if not owner.kept.exists():
        link_tools(owner.tools)
        done = user.run("set -e\n" + "\n".join(PAGE[BEGIN]), PATH=f"{owner.tools}/newest:/usr/bin:/bin")
        assert done.returncode == 0, done.stdout + done.stderr
        subprocess.run(["cp", "-a", owner.prefix, owner.kept], check=True)
    record = json.loads((owner.kept / "stackenv/record.json").read_text())
    held = {name: version for name, version, _ in record["pinned"]}
    return Owner(user, owner.kept, owner.tools, held["numpy"])


@pytest.fixture
def owner(tmp_path_factory: pytest.TempPathFactory, stack: str) -> Owner:
    """Return the owner on the stack of this name: one per process, because tests change the environment."""
    return make_owner(tmp_path_factory.getbasetemp() / f"projects-{stack}", stack)


on_each_stack = pytest.mark.parametrize("stack", STACKS)
on_one_stack = pytest.mark.parametrize("stack", ["eb5-pythonpath"])
by_each_uv = pytest.mark.parametrize("uv", UVS)


@on_each_stack
@by_each_uv
@pytest.mark.each_value("stack", "uv")
def test_the_short_way_keeps_the_modules_numpy(owner: Owner, uv: str) -> None:
    owner.renew("biopython", "numpy>=1")
    install, run, *refused = owner.type(*PAGE[SHORT], uv=uv)
    assert_as_promised([install, run, *refused])
    assert owner.is_of_module(run.output), run
    assert "SciPy-bundle/" in refused[0].output
    assert "stackenv edit biopy/1.0 --allow-shadow numpy" in refused[0].output
    assert not (owner.project / "uv.lock").exists()
    # The rule reports only an environment of the project's own.
    assert find(owner) == []


@on_one_stack
@by_each_uv
def test_a_project_that_is_a_package_imports_the_modules_numpy(owner: Owner, uv: str) -> None:
    owner.renew("biopython", more=PACKAGE)
    assert "`uv pip install -e .`" in PAGE_TEXT
    install, run = owner.type("uv pip install -e .", "cd /; python -c 'import analysis'", uv=uv)
    assert_as_promised([install, run])
    assert owner.is_of_module(run.output), run


@on_one_stack
@by_each_uv
def test_the_locked_versions_keep_the_modules_numpy(owner: Owner, uv: str) -> None:
    owner.renew("biopython")
    _, *ran = owner.type("uv lock --quiet", *PAGE[LOCKED], uv=uv)
    text = (owner.project / "uv.lock").read_text()
    assert 'name = "numpy"\nversion = "2.1.1"' in text
    assert_as_promised(ran)
    assert owner.is_of_module(ran[1].output), ran
    assert "==2.1.1" in ran[2].output


@on_each_stack
@by_each_uv
@pytest.mark.each_value("stack", "uv")
def test_project_commands_of_uv_lock_the_modules_numpy(owner: Owner, uv: str, tmp_path: Path) -> None:
    make_wheel(tmp_path / "wheels", "numpy", "1.24.4")
    files = {"Bio/__init__.py": "__version__ = '1.83'\n"}
    make_wheel(tmp_path / "wheels", "biopython", "1.83", ["numpy"], files)
    owner.renew(python=WIDE)
    links = f"{owner.user.stack.wheels},{tmp_path / 'wheels'}"
    ran = owner.type(*PAGE[UV], *PAGE[WITHOUT], uv=uv, UV_FIND_LINKS=links)
    assert_as_promised(ran)
    printed = {one.command: one.output for one in ran}
    assert owner.is_of_module(printed["uv run python analysis.py"]), ran
    lock = (owner.project / "uv.lock").read_text()
    assert f'name = "numpy"\nversion = "{owner.version}"' in lock
    # For Pythons that are older than the module's.
    assert 'name = "numpy"\nversion = "1.24.4"' in lock
    # As on a laptop: a real numpy of this version, in the project's own environment.
    (own,) = (owner.project / ".venv").glob("lib/python3*/site-packages")
    assert (own / f"numpy-{owner.version}.dist-info/INSTALLER").read_text() == "uv"
    assert (own / "numpy/__init__.py").is_file()
    assert f"+ numpy=={owner.version}" in printed["uv sync --locked"]


# Prints the installation of the Python that runs it.
WHOSE = "import sys; print(sys.base_prefix)"
# Another Python, by version or by path: uv deletes the environment when it is asked for either.
ANOTHER = ("3.9", "/usr/bin/python3")
by_another_python = pytest.mark.parametrize("python", ANOTHER)


def find_another(python: str, folder: Path) -> str:
    """Return a shell command that makes `python` available by a link in `folder`, unless it is a path."""
    if "/" in python:
        return ":"
    found = next(Path.home().glob(f".pyenv/versions/{python}.*/bin/python{python}"), None)
    if found is None:
        pytest.skip(f"pyenv has no Python {python}")
    (folder / found.name).symlink_to(found)
    return f"PATH=$PATH:{folder}"


@on_one_stack
@by_another_python
def test_the_second_variable_protects_the_environment(owner: Owner, tmp_path: Path, python: str) -> None:
    path = find_another(python, tmp_path)
    first, second = "UV_PROJECT_ENVIRONMENT=$VIRTUAL_ENV", "UV_PYTHON=$VIRTUAL_ENV"
    assert f"export {first} {second}" in PAGE[UV]
    owner.renew(python=">=3.9")
    (owner.project / ".python-version").write_text(f"{python}\n")
    *_, ran = owner.type(path, f"export {first} {second}", "uv run python -V")
    assert (ran.status, ran.output.split()[:2]) == (0, ["Python", "3.11.2"]), ran
    assert_as_promised([ran])
    # Without the second variable: as the page says.
    *_, ran = owner.type(path, f"export {first}", "uv run python -V")
    assert is_deleted(owner, ran), ran
    owner.renew(python="==3.9.*")
    *_, ran = owner.type(path, f"export {first} {second}", "uv run python -V")
    assert (ran.status, ran.numpy) == (2, "stackenv"), ran


@on_one_stack
@by_each_uv
def test_removing_a_package_from_the_project_keeps_all_others(owner: Owner, uv: str) -> None:
    owner.renew()
    removes = PAGE[REMOVES][:2]
    ran = owner.type(*PAGE[UV][:2], "uv add biopython", "uv pip install six", *removes, uv=uv)
    assert_as_promised(ran)
    names = {path.name.partition("-")[0] for path in owner.prefix.glob("lib/python3*/site-packages/*-info")}
    assert names == {"six", "numpy", "packaging"}
    assert "biopython" not in (owner.project / "pyproject.toml").read_text()


# The environment of a project can also be a link.
LINKED = "ln -s $VIRTUAL_ENV .venv; env -u UV_PROJECT_ENVIRONMENT uv sync"


PUT_BACK = "of the packages that uv removed come with the modules of biopy/1.0 and are still available"


@on_one_stack
@by_each_uv
@pytest.mark.parametrize("command", ["uv sync", "uv remove six", LINKED])
def test_stubs_that_uv_removes_are_put_back(owner: Owner, uv: str, command: str) -> None:
    assert all(f"`{name}`" in PAGE_TEXT for name in ("uv sync", "uv remove", "uv run --exact"))
    owner.renew()
    *_, took, added = owner.type(*PAGE[UV][:2], "uv add six", command, "uv add biopython", uv=uv)
    assert (took.status, took.numpy, PUT_BACK in took.output) == (0, "stackenv", True), took
    assert_as_promised([added])
    assert find(owner, "biopy") == []


@on_one_stack
@by_each_uv
def test_a_refresh_restores_stubs_that_another_uv_removed(owner: Owner, uv: str) -> None:
    """The other uv is started by its path."""
    project, ready, *_ = PAGE[UV]
    *_, refresh, uninstall, again = PAGE[REMOVES]
    path = f"PATH={owner.tools}/{uv.split()[0]}:$PATH"
    owner.renew()
    *_, took, refreshed = owner.type(project, ready, "uv add six", f"{path} uv sync", refresh, uv=uv)
    assert (took.status, took.numpy, "stackenv" in took.output) == (0, "", False)
    assert_as_promised([refreshed])
    # When uv was not stopped from replacing numpy.
    *_, added = owner.type(ready, f"{path} uv sync", "uv add biopython", uv=uv)
    assert (added.status, added.numpy) == (0, "uv + code")
    named = f"{uninstall}; {again}".replace("biopy", "biopy/1.0")
    assert named in "".join(found["hint"] for found in find(owner, "biopy"))
    *_, refreshed, added = owner.type(ready, uninstall, again, "uv add biopython", uv=uv)
    assert_as_promised([refreshed, added])


@on_one_stack
@by_each_uv
def test_a_lock_file_without_the_list_replaces_the_modules_numpy(owner: Owner, uv: str) -> None:
    owner.renew("biopython")
    *_, synced = owner.type(PAGE[UV][1], "uv sync", uv=uv)
    assert (synced.status, synced.numpy) == (0, "uv + code")
    said = "stackenv: uv has installed its own copies of packages of the modules of biopy/1.0; hint: stack"
    assert said in synced.output and PUT_BACK in synced.output


@on_one_stack
def test_uv_and_pip_tools_pin_the_modules_numpy(owner: Owner) -> None:
    owner.renew()
    by_uv, by_pip_tools = PAGE[PIP_TOOLS][:3], PAGE[PIP_TOOLS][3:]
    for commands in (by_uv, by_pip_tools):
        owner.renew()
        ran = owner.type(*commands)
        assert_as_promised(ran)
        assert owner.is_of_module(ran[-1].output), ran
        assert f"numpy=={owner.version}" in (owner.project / "requirements.txt").read_text()


@pytest.mark.matrix
@on_one_stack
@pytest.mark.parametrize(
    ("title", "more", "another"), [(POETRY_TITLE, POETRY, "poetry"), (PDM_TITLE, PDM, "pdm")]
)
def test_poetry_and_pdm_keep_the_modules_numpy(owner: Owner, title: str, more: str, another: str) -> None:
    owner.renew(more=more)
    network = {**online(), "POETRY_CACHE_DIR": f"{owner.user.home}/poetry-cache"}
    ran = owner.type(*PAGE[title], **network)
    assert_as_promised(ran)
    assert owner.is_of_module(ran[-1].output), ran
    # With this variable PDM uses the versions of the list, whatever a package requires.
    (overridden,) = owner.type(f"{OVERRIDE} pdm add 'numpy>=2'", **network) if more == PDM else ran[-1:]
    assert_as_promised([overridden])
    # The user is not stopped, and `stackenv check` reports it.
    (forced,) = owner.type(f"{another} add 'numpy>=2'", **network)
    assert (forced.status, "+ code" in forced.numpy) == (0, True), forced
    assert "shadows" in [f["rule"] for f in find(owner, "biopy") if "numpy" in f["what"]]
    # The way that the page recommends.
    owner.renew(more=more)
    (allow,) = set(re.findall(r"`(stackenv edit \S+ --allow-shadow numpy)`", PAGE_TEXT))
    allowed, added = owner.type(allow, f"{another} add 'numpy>=2'", **network)
    assert (allowed.status, allowed.numpy, added.status) == (0, "", 0), (allowed, added)
    assert [f for f in find(owner, "biopy") if "numpy" in f["what"]] == []


def find(owner: Owner, *names: str) -> list[dict[str, str]]:
    """Return the findings of `stackenv check` in the folder of the project, or in environments `names`."""
    (ran,) = owner.type(f"stackenv check {' '.join(names)} --json")
    found: list[dict[str, str]] = json.loads(ran.output)["result"]
    return [f for f in found if names or f["rule"] == "project-environment"]


def is_over_the_module(owner: Owner, ran: Ran) -> bool:
    return (ran.status, ran.numpy) == (0, "uv + code")


def locks_the_newest(owner: Owner, ran: Ran) -> bool:
    return 'name = "numpy"\nversion = "2.1.1"' in (owner.project / "uv.lock").read_text()


def is_of_its_own(owner: Owner, ran: Ran) -> bool:
    # On stacks with PYTHONPATH the module's numpy is imported nevertheless.
    return "Installed 2 packages" in ran.output and ran.numpy == "stackenv" and owner.is_of_module(ran.output)


def has_stubs_again(owner: Owner, ran: Ran) -> bool:
    return (ran.status, ran.numpy, PUT_BACK in ran.output) == (0, "stackenv", True)


def is_refused(owner: Owner, ran: Ran) -> bool:
    return (ran.status, ran.numpy, "of biopy/1.0; hint: uv sync" in ran.output) == (2, "stackenv", True)


def is_deleted(owner: Owner, ran: Ran) -> bool:
    return "Removed virtual environment" in ran.output and not (owner.prefix / "stackenv").exists()


@dataclass(frozen=True)
class Row:
    """A row of the table: the project's dependencies, whether it uses the list, and the promised outcome."""

    dependencies: tuple[str, ...]
    with_list: bool
    promised: Callable[[Owner, Ran], bool]


OUTCOMES = {
    "uv add --active biopython": Row((), False, is_over_the_module),
    "uv remove --active biopython": Row(("biopython",), True, has_stubs_again),
    "uv run --active --exact python -V": Row((), True, is_refused),
    "uv sync --active --reinstall": Row(("biopython",), True, is_over_the_module),
    "UV_CONSTRAINT=$VIRTUAL_ENV/stackenv/constraints.txt uv lock": Row(
        ("biopython",), False, locks_the_newest
    ),
    "uv run --isolated python analysis.py": Row(("biopython",), True, is_of_its_own),
    "uv run --active --python 3.9 python -V": Row((), False, is_deleted),
    "ln -s $VIRTUAL_ENV .venv; uv run --python 3.9 python -V": Row((), False, is_deleted),
}


@on_one_stack
@pytest.mark.parametrize(
    ("command", "python"),
    [(command, python) for command in ROWS for python in (ANOTHER if "3.9" in command else ("",))],
)
def test_commands_that_do_not_work_end_as_the_table_says(
    owner: Owner, tmp_path: Path, command: str, python: str
) -> None:
    row = OUTCOMES[command]
    owner.renew(*row.dependencies, python=">=3.9" if python else NARROW)
    before = [next(line for line in PAGE[UV] if "export biopy" in line)] if row.with_list else []
    if python:
        assert "| `uvx --python 3.9 python` |" in PAGE_TEXT
        path, instead = find_another(python, tmp_path), f"uvx --python {python} python -c '{WHOSE}'"
        _, ran = owner.type(path, instead)
        assert (ran.status, ran.numpy) == (0, "stackenv"), ran
        assert ("3.9" if python == "3.9" else "/usr") in ran.output
        before.append(path)
    *_, ran = owner.type(*before, command.replace("3.9", python))
    assert row.promised(owner, ran), ran


def test_all_commands_of_the_page_are_tested() -> None:
    # A section with commands that no test runs would not be among those unpacked from PAGE above.
    assert list(OUTCOMES) == ROWS
    assert [title for title in PAGE if any(REFUSED in line for line in PAGE[title])] == [SHORT, LOCKED, UV]
