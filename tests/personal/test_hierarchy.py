"""Environments on a hierarchy of modules: GCC, OpenMPI behind it, and SciPy-bundle behind both."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hierarchy import FIRST, NEXT, make_hierarchy, open_hierarchy
from stacked import Stack
from users import User, make_once, make_user

from stackenv.record import RECORD_FILE, Record, parse_record

SEEN = "python -c 'import numpy, Bio; print(numpy.__file__); print(Bio.__file__)'"
BOTH = "\n".join(f"  -m {gcc} -m {mpi} -m {bundle}" for gcc, mpi, bundle in (FIRST, NEXT))

pytestmark = pytest.mark.any_value("hierarchy")


@pytest.fixture(scope="module", params=["eb4", "eb5"])
def hierarchy(request, tmp_path_factory: pytest.TempPathFactory, one_stack: Stack) -> Stack:
    """The hierarchy, created once for all tests."""
    folder = make_once(
        tmp_path_factory,
        f"hierarchy-{request.param}",
        lambda folder: make_hierarchy(folder, one_stack, request.param),
    )
    return open_hierarchy(folder, one_stack)


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory, hierarchy: Stack) -> User:
    """Return a user with the module biopy, based on the first generation of modules; no test changes it."""
    name = f"owner-{Path(hierarchy.modulepath).parents[3].name}"

    def make(folder: Path) -> None:
        made = make_user(folder, hierarchy).stackenv("create", "biopy", "biopython", load=FIRST)
        assert made.returncode == 0, made.stderr

    return make_user(make_once(tmp_path_factory, name, make), hierarchy)


@pytest.fixture
def user(tmp_path: Path, hierarchy: Stack) -> User:
    return make_user(tmp_path, hierarchy)


def read_record(user: User, folder: str) -> Record:
    path = user.home / "venvs" / folder / RECORD_FILE
    return parse_record(path.read_text(), str(path))


def software(stack: Stack) -> Path:
    return Path(stack.modulepath).parents[2] / "software"


def is_first(stack: Stack, seen: str, user: User) -> bool:
    """Return whether the output of SEEN is numpy of the first generation and the environment's biopython."""
    numpy, bio = seen.split("\n")[-3:-1]
    return numpy.startswith(f"{software(stack)}/SciPy-bundle/2023.07-") and bio.startswith(
        f"{user.home}/venvs/"
    )


@pytest.mark.parametrize(
    "before", ["", "GCC/13.2.0", " ".join(NEXT), "gompi/2023b"], ids=lambda name: name or "none"
)
def test_the_load_replaces_other_compilers_by_those_of_the_environment(owner, hierarchy, before) -> None:
    loaded = f"module load {before} 2>/dev/null\n" if before else ""
    used = owner.run(f"{loaded}ml use ~/modules; ml biopy 2>/dev/null; {SEEN}; ml -t 2>&1")
    seen, listed = used.stdout.splitlines()[:2], used.stdout.splitlines()[2:]
    assert is_first(hierarchy, "\n".join([*seen, ""]), owner), used.stdout + used.stderr
    assert {*FIRST, "biopy/1.0"} <= {*listed}
    assert not {*NEXT} & {*listed}


def test_unload_restores_path_and_spider_finds_the_environment_and_its_package(owner) -> None:
    used = owner.run(
        'was=$PATH; ml use ~/modules; ml biopy; ml -biopy; ml -t 2>&1; [ "$PATH" = "$was" ] && echo ok\n'
        "module spider biopy 2>&1; module spider biopython/1.85 2>&1"
    )
    assert used.stdout.startswith("No modules loaded\nok\n")
    assert "This module can be loaded directly: module load biopy/1.0" in used.stdout
    assert "biopython: biopython/1.85 (E)" in used.stdout


def test_a_compiler_loaded_later_is_reported_with_a_command_that_fixes_it(owner) -> None:
    used = owner.run(f"ml use ~/modules; ml biopy; ml GCC/13.2.0; python -c 'import numpy'; ml biopy; {SEEN}")
    assert "needs GCC/12.3.0 (loaded: GCC/13.2.0)" in used.stderr
    assert f"hint: module use {owner.modules}; module load biopy/1.0" in used.stderr
    # The command in the hint helps.
    assert is_first(owner.stack, used.stdout, owner), used.stdout + used.stderr


def test_a_loaded_bundle_of_the_same_name_from_another_compiler_is_replaced(
    owner, hierarchy, tmp_path
) -> None:
    """The other compiler is a modulefile written by hand: the bundle was built for one compiler only."""
    core, below = tmp_path / "core", tmp_path / "below"
    bundle = below / f"{FIRST[2]}.lua"
    bundle.parent.mkdir(parents=True)
    (core / "icc").mkdir(parents=True)
    (core / "icc/1.0.lua").write_text(f'prepend_path("MODULEPATH", "{below}")\n')
    root = software(hierarchy) / "SciPy-bundle/2023.11-gompi-2023b/lib/python3.11/site-packages"
    bundle.write_text(f'prepend_path("PYTHONPATH", "{root}")\n')
    used = owner.run(f"ml use {core}; ml icc {FIRST[2]}; ml use ~/modules; ml biopy; {SEEN}")
    assert is_first(hierarchy, used.stdout, owner), used.stdout + used.stderr


def test_direct_start_run_job_and_check_work_without_the_modules_loaded(owner, hierarchy, tmp_path) -> None:
    bare = owner.run(f"~/venvs/biopy-1.0/bin/{SEEN}")
    assert is_first(hierarchy, bare.stdout, owner), bare.stderr
    run = owner.run(f"stackenv run biopy -- {SEEN}")
    assert is_first(hierarchy, run.stdout, owner), run.stderr
    # The script starts as by Slurm, from a shell with the other generation.
    job = owner.run(
        f"stackenv job biopy -- {SEEN} > {tmp_path}/job; ml {' '.join(NEXT)}; bash {tmp_path}/job"
    )
    assert is_first(hierarchy, job.stdout, owner), job.stderr
    checked = owner.stackenv("check", "biopy")
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("load", "named", "base"),
    [
        ((), FIRST[2], FIRST),
        (FIRST[:2], "SciPy-bundle", FIRST),
        (NEXT[:2], "SciPy-bundle", NEXT),
        (NEXT[:2], FIRST[2], FIRST),
    ],
    ids=["nothing is loaded", "its compilers are loaded", "those of the next are", "others are loaded"],
)
def test_create_finds_the_compilers_by_the_name_of_the_bundle(user, load, named, base) -> None:
    made = user.stackenv("create", "env", "-m", named, load=load)
    assert made.returncode == 0, made.stderr
    assert f"{named} requires other modules; loaded: {', '.join(base)}" in made.stderr
    assert read_record(user, "env-1.0").modules == base


def test_several_possible_compilers_are_all_listed(user) -> None:
    made = user.stackenv("create", "env", "-m", "SciPy-bundle")
    assert made.returncode != 0
    assert f"SciPy-bundle requires other modules, and there are several possibilities:\n{BOTH}" in made.stderr
    assert not list((user.home / "venvs").iterdir())


def test_without_loaded_modules_the_hint_contains_the_compilers_too(user) -> None:
    made = user.stackenv("create", "env")
    typed = f"run: module load {' '.join(NEXT)}; then the same command"
    assert made.returncode != 0 and typed in made.stderr
    asked = user.stackenv("create", "env", "--python", "3.11")
    assert "run: module load GCCcore/13.2.0 Python/3.11.2" in asked.stderr
    again = user.run(f"module load {' '.join(NEXT)}; stackenv create env")
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize("gcc", ["12.3.0", "13.2.0"])
def test_an_adopted_venv_records_the_compiler_that_its_python_requires(user, hierarchy, gcc) -> None:
    python = software(hierarchy) / f"Python/3.11.2-GCCcore-{gcc}/bin/python"
    made = user.run(f"{python} -m venv --without-pip ~/venvs/own; stackenv adopt ~/venvs/own")
    assert made.returncode == 0, made.stderr
    # Both Python modules have the same name.
    assert read_record(user, "own").modules == (f"GCCcore/{gcc}", "Python/3.11.2")
    used = user.run("ml use ~/modules; ml own; python -c 'import sys; print(sys.prefix)'")
    assert used.stdout == f"{user.home}/venvs/own\n", used.stderr


def test_rebuild_finds_the_next_generation_by_the_name_of_its_bundle(user, hierarchy) -> None:
    made = user.stackenv("create", "env", "biopython", load=FIRST)
    assert made.returncode == 0, made.stderr
    refused = user.stackenv("edit", "env", "-m", NEXT[2])
    assert f"stackenv rebuild env/1.0 {' '.join(f'-m {module}' for module in NEXT)}" in refused.stderr
    moved = user.stackenv("rebuild", "env", "-m", NEXT[2])
    assert moved.returncode == 0, moved.stderr
    assert read_record(user, "env-1.0-2").modules == NEXT
    used = user.run(f"ml use ~/modules; ml env; {SEEN}")
    assert "/SciPy-bundle/2023.11-" in used.stdout, used.stderr


@pytest.fixture
def without(user: User, tmp_path: Path) -> Iterator:
    """Return a function that removes a modulefile from the user's own copy of the hierarchy."""
    copy = tmp_path / "all"
    original = Path(user.stack.modulepath).parent
    shutil.copytree(original, copy)
    for path in copy.rglob("*.lua"):
        path.write_text(path.read_text().replace(str(original), str(copy)))
    user.environ["MODULEPATH"] = str(copy / "Core")
    made = user.stackenv("create", "env", load=FIRST)
    assert made.returncode == 0, made.stderr
    return lambda name: (copy / name).unlink()


@pytest.mark.parametrize(
    ("gone", "named"),
    [
        ("Core/GCC/12.3.0.lua", ", ".join(FIRST)),
        ("MPI/GCC/12.3.0/OpenMPI/4.1.5/SciPy-bundle/2023.07.lua", FIRST[2]),
    ],
    ids=["the compiler", "the bundle"],
)
def test_check_suggests_all_replacement_modules_when_one_is_missing(user, without, gone, named) -> None:
    without(gone)
    checked = user.stackenv("check", "env")
    verb = "are" if ", " in named else "is"
    assert f"broken: {named} {verb} no longer available [modules-gone]" in checked.stdout
    typed = f"stackenv rebuild env/1.0 {' '.join(f'-m {module}' for module in NEXT)}"
    assert f"hint:  {typed}\n" in checked.stdout
    rebuilt = user.run(typed)
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert user.stackenv("check", "env").returncode == 0


@pytest.fixture(scope="module")
def by_class(tmp_path_factory: pytest.TempPathFactory, one_stack: Stack) -> Stack:
    """The same modules, with the class before each name: lang/Python, compiler/GCC."""

    def make(folder: Path) -> None:
        make_hierarchy(folder, one_stack, "eb5", "CategorizedModuleNamingScheme")

    folder = make_once(tmp_path_factory, "by-class", make)
    return replace(one_stack, name="by class", modulepath=str(folder / "eb/modules/all"))


def test_a_class_prefix_is_not_mistaken_for_the_software_name(by_class, tmp_path) -> None:
    user = make_user(tmp_path, by_class)
    first, following = (
        f"lang/SciPy-bundle/{version}" for version in ("2023.07-gompi-2023a", "2023.11-gompi-2023b")
    )
    hint = user.stackenv("create", "env").stderr
    assert f"run: module load {following}; then the same command" in hint
    made = user.stackenv("create", "env", load=[first])
    assert made.returncode == 0, made.stderr
    record = read_record(user, "env-1.0")
    assert record.modules == (first,)
    assert record.python is not None and record.python.module == "lang/Python/3.11.2-GCCcore-12.3.0"
    assert ("numpy", "1.25.1", first) in record.pinned
    modulefile = Path(by_class.modulepath, f"{first}.lua")
    aside = modulefile.rename(tmp_path / "aside")
    try:
        checked = user.stackenv("check", "env")
    finally:
        aside.rename(modulefile)
    assert f"hint:  stackenv rebuild env/1.0 -m {following}\n" in checked.stdout
