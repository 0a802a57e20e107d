"""When the environment's Python, started by its path, has its modules' packages, and what it prints if not.

Each case is tested on a stack with RPATH and on one whose library only LD_LIBRARY_PATH finds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest
from needy_stack import PYTHON_FOLDER
from traced_starts import Start, bare, read_environment, start
from worlds import NEXT, TWIN, World, kept, make_world

STRANGER = 74013


# Whether packages are carried does not depend on how they are found, so the normal run has each way once.
STACKS = (
    *("rpath on eb5-pythonpath", "needy on eb4-prefixes"),
    pytest.param("rpath on eb4-prefixes", marks=pytest.mark.matrix),
    pytest.param("needy on eb5-pythonpath", marks=pytest.mark.matrix),
)


@pytest.fixture(scope="module", params=STACKS)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return a user and a stack, for each kind of stack and each variable by which modules add packages."""
    kind, base = request.param.split(" on ")
    return make_world(tmp_path_factory.mktemp(kind), base, kind)


@contextmanager
def without_modulefile(world: World) -> Iterator[None]:
    with kept(world.modulefile):
        world.modulefile.unlink()
        yield


@contextmanager
def changed_modulefile(world: World) -> Iterator[None]:
    with kept(world.modulefile):
        world.modulefile.write_text(world.modulefile.read_text() + 'setenv("NEW", "yes")\n')
        yield


@contextmanager
def changed_within_its_size(world: World) -> Iterator[None]:
    with kept(world.modulefile):
        world.modulefile.write_text(world.modulefile.read_text().replace("NEEDLE", "PINPIN"))
        yield


@contextmanager
def touched_modulefile(world: World) -> Iterator[None]:
    with kept(world.modulefile):
        os.utime(world.modulefile, (1_700_000_000, 1_700_000_000))
        yield


@contextmanager
def with_a_loop_in_the_modulefiles_place(world: World) -> Iterator[None]:
    """An error other than a missing file; a file without permissions would not do, as root can read it."""
    with kept(world.modulefile):
        world.modulefile.unlink()
        world.modulefile.symlink_to(world.modulefile.name)
        yield


@contextmanager
def with_a_vendors_python(world: World) -> Iterator[None]:
    path = world.modulefile_of(VENDORS)
    path.parent.mkdir(exist_ok=True)
    path.write_text('setenv("CRAY_PYTHON_LEVEL", "3.11.7")\n')
    yield
    path.unlink()


@contextmanager
def record_of_a_stranger(world: World) -> Iterator[None]:
    with kept(world.record):
        os.chown(world.record, STRANGER, -1)
        yield


@contextmanager
def record_that_all_may_write(world: World) -> Iterator[None]:
    with kept(world.record):
        world.record.chmod(0o646)
        yield


@contextmanager
def record_that_the_group_may_write(world: World) -> Iterator[None]:
    with kept(world.record):
        world.record.chmod(0o664)
        yield


@dataclass(frozen=True)
class Case:
    """A start: what is loaded before it, what is changed, and the expected result.

    `said` is part of the one line on stderr, with {names} of the stack; `finds` is the value of the package
    `needle`, 0 if it is not found; `has_libraries` says that LD_LIBRARY_PATH already has what is carried.
    """

    load: str = ""
    variables: tuple[tuple[str, str], ...] = ()
    change: Callable[[World], AbstractContextManager[None]] = nullcontext
    has_libraries: bool = False
    finds: int = 0
    said: str = ""


NEEDS = "the environment bio/1.0 needs "
NOT_LOADED = NEEDS + "{stack.bundle_module} (not loaded)"
NOT_AT_ALL = NOT_LOADED + ", {stack.python_module} (not loaded)"
WHILE = ", which it does not use while {} is loaded; hint: "
VENDORS = "cray-python/3.11.7"
CARRIED = {
    "nothing is loaded": Case(),
    "a compiler that it shares": Case(load="module load {stack.compiler}"),
    "a module with the same compiler": Case(load="module load {stack.sharing}"),
    "the library that it shares": Case(load="module load {stack.library}", has_libraries=True),
    "an unrelated module": Case(load="module load {stack.other_module}"),
    "the modulefile was only touched": Case(change=touched_modulefile),
    "an own LD_LIBRARY_PATH": Case(variables=(("LD_LIBRARY_PATH", "/opt/mine:/opt/other:"),)),
    "an empty LD_LIBRARY_PATH": Case(variables=(("LD_LIBRARY_PATH", ""),)),
    "variables that hold no text": Case(variables=(("ODD", "\udcff\udc80=\n"), ("LD_PRELOAD", ""))),
}
NOT_CARRIED = {
    "its modules": Case(load="module load {stack.bundle_module}", finds=10),
    "itself": Case(load="module use ~/modules; module load bio", finds=10),
    "another environment on its modules": Case(load=f"module use ~/modules; module load {TWIN}", finds=10),
    "an environment on other modules": Case(
        load=f"module use ~/modules; module load {NEXT}", said=NOT_LOADED
    ),
    "another version": Case(
        load="module load {stack.other_version}",
        finds=20,
        said=NEEDS + "{stack.bundle_module} (loaded: {stack.other_version}); hint: ",
    ),
    "another version of a compiler": Case(
        load="module load {stack.other_compiler}", said=NOT_AT_ALL + WHILE.format("{stack.other_compiler}")
    ),
    "another Python": Case(
        load="module load {stack.next_python_module}",
        said=NOT_LOADED + ", {stack.python_module} (loaded: {stack.next_python_module}); hint: ",
    ),
    "its Python alone": Case(
        load="module load {stack.python_module}", said=NOT_LOADED + WHILE.format("{stack.python_module}")
    ),
    "another numpy": Case(load="module load {stack.next_bundle_module}", said=NOT_LOADED),
    "it is switched off": Case(variables=(("STACKENV_CARRY", "0"),), said=NOT_AT_ALL + "; hint: "),
    "it is switched off in words": Case(variables=(("STACKENV_CARRY", "No"),), said=NOT_AT_ALL + "; hint: "),
    "it is switched off as others are": Case(variables=(("STACKENV_CARRY", "off"),), said=NOT_LOADED),
    "a vendor's Python": Case(
        change=with_a_vendors_python,
        load=f"module load {VENDORS}",
        said=NOT_AT_ALL + WHILE.format(VENDORS),
    ),
    "the modulefile cannot be seen": Case(
        change=with_a_loop_in_the_modulefiles_place, said="{modulefile} cannot be read (Too many levels of sy"
    ),
    "the modulefile is gone": Case(
        change=without_modulefile, said="{modulefile} is missing; hint: stackenv check bio/1.0"
    ),
    "the modulefile has changed": Case(change=changed_modulefile, said="changed"),
    "the modulefile has changed, not its size": Case(change=changed_within_its_size, said="changed"),
    "a stranger has written the record": Case(change=record_of_a_stranger, said="{record}"),
    "all may write the record": Case(change=record_that_all_may_write, said="{record}"),
    "its group may write the record": Case(change=record_that_the_group_may_write, said="{record}"),
}


def begin(world: World, case: Case, scratch: Path) -> Start:
    """Start the environment's Python as `case` describes."""
    names = {"stack": world.stack}
    with case.change(world):
        environ = read_environment(world.user, case.load.format(**names)) if case.load else bare(world.user)
        return start(world.python, {**environ, **dict(case.variables)}, scratch)


@pytest.mark.parametrize("case", CARRIED)
def test_the_stack_is_carried(world: World, case: str, tmp_path: Path) -> None:
    seen = begin(world, CARRIED[case], tmp_path)
    assert (seen.needle, seen.said) == (10, [])
    assert str(seen.numpy).startswith(f"{world.stack.software}/{world.stack.numpy_module}/")
    assert seen.child == seen.given
    assert sorted(f"{name}={value}" for name, value in seen.environ.items()) == seen.given
    again = world.stack.kind == "needy" and not CARRIED[case].has_libraries
    assert seen.interpreters == (2 if again else 1)


@pytest.mark.parametrize("case", NOT_CARRIED)
def test_the_stack_is_not_carried(world: World, case: str, tmp_path: Path) -> None:
    expected = NOT_CARRIED[case]
    seen = begin(world, expected, tmp_path)
    assert seen.needle == (expected.finds or "No module named 'needle'")
    assert seen.interpreters == 1
    told = ["STACKENV_TOLD=bio/1.0"] if expected.said else []
    assert seen.child == sorted(seen.given + told)
    if expected.said:
        (line,) = seen.said
        assert line.startswith("stackenv: "), line
        assert (
            expected.said.format(stack=world.stack, modulefile=world.modulefile, record=world.record) in line
        )
        hints = ("module load bio/1.0", "stackenv edit bio/1.0 --refresh", "stackenv check bio/1.0")
        assert line.endswith(hints), line
    else:
        assert seen.said == []


def test_sys_path_is_the_same_as_with_the_modules_loaded(world: World, tmp_path: Path) -> None:
    loaded = begin(world, NOT_CARRIED["its modules"], tmp_path)
    itself = begin(world, NOT_CARRIED["itself"], tmp_path)
    carried = begin(world, CARRIED["nothing is loaded"], tmp_path)
    assert loaded.path == itself.path
    assert sorted(carried.path) == sorted(loaded.path)
    # With the sitecustomize of EasyBuild 4 even the standard library comes after all packages.
    base = f"{world.stack.software}/{world.stack.python_module}/"
    ours, theirs = ([entry for entry in s.path if not entry.startswith(base)] for s in (carried, loaded))
    assert ours == theirs and world.stack.needle_packages in ours


def test_the_callers_path_entries_are_ordered_as_with_the_modules_loaded(
    world: World, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The user's own entries, below the home, come before the carried ones; all others after them."""
    theirs, prefix = tmp_path_factory.mktemp("theirs"), tmp_path_factory.mktemp("prefix")
    own = world.user.home / "own"
    for folder in (theirs, prefix / f"lib/{PYTHON_FOLDER}/site-packages"):
        (folder / "numpy").mkdir(parents=True)
        (folder / "numpy/__init__.py").touch()
    own.mkdir()
    variables = {"PYTHONPATH": f"{theirs}:{own}", "EBPYTHONPREFIXES": str(prefix)}
    load = f"module load {world.stack.bundle_module}"
    loaded = start(world.python, read_environment(world.user, load, **variables), tmp_path)
    carried = start(world.python, {**bare(world.user), **variables}, tmp_path)
    assert (carried.needle, carried.said) == (10, [])
    assert carried.numpy == loaded.numpy
    base = f"{world.stack.software}/{world.stack.python_module}/"
    ours, expected = ([e for e in s.path if not e.startswith(base)] for s in (carried, loaded))
    assert ours == expected
    packages = prefix / f"lib/{PYTHON_FOLDER}/site-packages"
    places = [expected.index(str(e)) for e in (own, world.stack.needle_packages, packages)]
    assert places == sorted(places)


def test_a_users_own_sources_come_first_as_with_the_modules_loaded(world: World, tmp_path: Path) -> None:
    """These are sources of the user's own module, not software that EasyBuild installed in the home."""
    mine, tool = world.user.home / "mine", world.user.home / "software/Tool/lib"
    for folder in (mine, tool):
        folder.mkdir(parents=True)
    module = world.modulefile_of("Mine/1.0")
    module.parent.mkdir()
    module.write_text(
        f'setenv("EBROOTTOOL", "{tool.parent}")\nprepend_path("PYTHONPATH", "{mine}")\n'
        f'prepend_path("PYTHONPATH", "{tool}")\n'
    )
    modules = (world.stack.bundle_module, "Mine/1.0")
    made = world.user.stackenv("create", "mine", load=modules)
    assert made.returncode == 0, made.stderr
    python = world.user.home / "venvs/mine-1.0/bin/python"
    loaded = start(python, read_environment(world.user, f"module load {' '.join(modules)}"), tmp_path)
    carried = start(python, bare(world.user), tmp_path)
    assert (carried.needle, carried.said) == (10, [])
    base = f"{world.stack.software}/{world.stack.python_module}/"
    ours, expected = ([e for e in s.path if not e.startswith(base)] for s in (carried, loaded))
    (packages,) = python.parents[1].glob("lib/python3*/site-packages")
    assert ours == expected
    places = [expected.index(str(e)) for e in (mine, packages, tool)]
    assert places == sorted(places)


@pytest.mark.parametrize("variable", ["SLURM_PROCID", "PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK"])
def test_only_the_first_task_of_a_job_step_prints_the_warning(
    world: World, tmp_path: Path, variable: str
) -> None:
    with without_modulefile(world):
        first, other = (start(world.python, {**bare(world.user), variable: n}, tmp_path) for n in ("0", "17"))
    assert len(first.said) == 1 and other.said == []
    assert other.child == other.given


def test_a_changed_modulefile_is_carried_after_a_refresh(world: World, tmp_path: Path) -> None:
    with kept(world.modulefile, world.record):
        more = tmp_path / "more"
        more.mkdir()
        text = world.modulefile.read_text()
        world.modulefile.write_text(f'{text}prepend_path("PYTHONPATH", "{more}")\n')
        stale = start(world.python, bare(world.user), tmp_path)
        assert (stale.needle, len(stale.said)) == ("No module named 'needle'", 1)
        refreshed = world.user.stackenv("edit", "bio", "--refresh")
        assert refreshed.returncode == 0, refreshed.stderr
        seen = start(world.python, bare(world.user), tmp_path)
        assert (seen.needle, seen.said) == (10, [])
        assert str(more) in seen.path


def test_variables_chosen_by_the_site_are_passed_to_children(world: World, tmp_path: Path) -> None:
    configuration = tmp_path / "site.yaml"
    configuration.write_text("version: 1\npersonal:\n  carry_variables: [EBROOTNEEDLE, UNSET]\n")
    with kept(world.record):
        refreshed = world.user.stackenv("edit", "bio", "--refresh", STACKENV_SITE_CONFIG=str(configuration))
        assert refreshed.returncode == 0, refreshed.stderr
        seen = start(world.python, bare(world.user), tmp_path)
        own = start(world.python, {**bare(world.user), "EBROOTNEEDLE": "/opt/mine"}, tmp_path)
    assert own.environ["EBROOTNEEDLE"] == "/opt/mine" and own.child == own.given
    assert (seen.needle, seen.said) == (10, [])
    more = f"EBROOTNEEDLE={world.stack.folder}/{world.stack.bundle_module}"
    assert seen.child == sorted([*seen.given, more])


def test_packages_named_like_standard_library_modules_are_not_imported(world: World, tmp_path: Path) -> None:
    """Many environments have enum34, for example; the code that finds the modules must not import it."""
    folder = world.environment / f"lib/{PYTHON_FOLDER}/site-packages"
    names = ("json", "enum", "re", "hashlib", "functools")
    files = [folder / f"{name}.py" for name in names]
    for file in files:
        file.write_text("raise RuntimeError('of the environment')\n")
    try:
        with touched_modulefile(world):
            seen = start(world.python, bare(world.user), tmp_path)
        assert (seen.needle, seen.said) == (10, [])
        assert not seen.opened(*files)
    finally:
        for file in files:
            file.unlink()
