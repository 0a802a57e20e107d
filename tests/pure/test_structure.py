"""The structure of the package: imports between subjects go one way, and none are circular."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import stackenv

pytestmark = pytest.mark.quick

PACKAGE = Path(stackenv.__file__).parent
# Links to code that EasyBuild, Lmod and a vendor's Python run: not part of the package.
NOT_OURS = {"hooks", "templates", "site-config"}
# A subject imports only subjects after it in this list.
ORDER = (
    *("cli", "site", "cleaning", "lifecycle", "health", "packing", "jupyter", "slurm", "environments"),
    *("disk", "account", "conda", "lmod", "modulefile", "transactions", "configuration"),
    *("probe", "private_cache", "user_paths", "record", "plain_files", "captured_run"),
    *("output", "terminal", "errors", "__init__"),
)
# Exceptions, as pairs of importing and imported module. Do not add any.
AGAINST_THE_ORDER: set[tuple[str, str]] = set()
CIRCLES: set[frozenset[str]] = set()


@cache
def list_modules() -> dict[str, Path]:
    """Return the files of the package by module names such as `environments.store`."""
    files = (path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    return {".".join(f.with_suffix("").parts): PACKAGE / f for f in files if f.parts[0] not in NOT_OURS}


def list_imports(module: str) -> Iterator[str]:
    """Yield the modules of the package that `module` imports anywhere in its file."""
    modules = list_modules()
    for node in ast.walk(ast.parse(modules[module].read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or (node.module or "").partition(".")[0] != "stackenv":
            continue
        base = (node.module or "").partition(".")[2]
        for name in node.names:
            inner = f"{base}.{name.name}".strip(".")
            yield next(m for m in (inner, base, f"{base}.__init__".strip(".")) if m in modules)


@cache
def read_imports() -> dict[str, frozenset[str]]:
    return {module: frozenset(list_imports(module)) - {module} for module in list_modules()}


def subject_of(module: str) -> str:
    return module.partition(".")[0]


def test_each_subject_has_a_place_in_the_import_order() -> None:
    assert {subject_of(module) for module in list_modules()} == set(ORDER)


def test_imports_between_subjects_go_one_way() -> None:
    found = {
        (module, imported)
        for module, names in read_imports().items()
        for imported in names
        if subject_of(module) != subject_of(imported)
        and ORDER.index(subject_of(module)) > ORDER.index(subject_of(imported))
    }
    assert found == AGAINST_THE_ORDER


def list_reached(start: str) -> set[str]:
    """Return all modules that `start` imports, directly or not."""
    reached: set[str] = set()
    pending = [start]
    while pending:
        for name in read_imports()[pending.pop()] - reached:
            reached.add(name)
            pending.append(name)
    return reached


def test_there_are_no_circular_imports() -> None:
    reached = {module: list_reached(module) for module in list_modules()}
    circles = {
        frozenset(other for other in names if module in reached[other])
        for module, names in reached.items()
        if module in names
    }
    assert circles == CIRCLES


@pytest.mark.parametrize(
    "module", ["record", "configuration.settings", "modulefile.text", "environments.module"]
)
def test_the_model_imports_neither_yaml_nor_voluptuous(module: str) -> None:
    code = f"import sys, stackenv.{module}; print(*({{'yaml', 'voluptuous'}} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("command", sorted((PACKAGE / "cli").glob("*.py")), ids=lambda path: path.stem)
def test_a_command_imports_its_subject_only_when_it_runs(command: Path) -> None:
    """So help, completion and `list` do not wait for imports that they do not need."""
    imported = {
        subject_of((node.module or "").partition(".")[2])
        for node in ast.parse(command.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "stackenv"
    }
    # Only the build of the stackenv module runs this one.
    also = {"modulefile", "transactions"} if command.stem == "completions_and_man" else set()
    assert imported <= {"", "cli", "errors", "output", "plain_files", "user_paths"} | also


def test_create_imports_neither_health_nor_conda_activation_nor_rich() -> None:
    code = "import sys, stackenv.cli.create, stackenv.lifecycle.create; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    imported = done.stdout.split()
    assert "stackenv.lifecycle.making" in imported
    unneeded = ("stackenv.health", "stackenv.conda.activation", "packaging.requirements", "rich")
    assert [name for name in imported if name.startswith(unneeded)] == []


def test_no_two_test_files_have_the_same_name() -> None:
    """Without packages in tests/, pytest imports files by name alone, and would not collect a second one."""
    names = Counter(path.name for path in Path(__file__).parents[1].glob("*/test_*.py"))
    assert [name for name, number in names.items() if number > 1] == [] and len(names) > 100
