"""Which tests belong to which run: quick, normal or matrix; `sh tests/run.sh` chooses by these markers.

If a test has many combinations of parameters, a selection of them stays in the normal run, and the rest goes
to the matrix:

- `each_value("stack", "kind")`: every value of each of these parameters, at least once;
- `each_pair("kind", "first", "last")`: every two values of any two of these parameters, at least once;
- `any_value("stack")`: one value of this parameter, where the value hardly makes a difference; the name of
  the test decides which; `any_value("number", of=3)`: one of every three in a row, and the last, for example
  of the moments at which a command is killed;
- `some_shells`: bash, tcsh, fish and one of the other shells, which the name of the test decides; as the
  marker of a file, for all its tests but those with `all_shells`;
- `some_stacks`: two of the four stacks, with both EasyBuilds and both search paths; the name of the file
  decides which.

Markers can be combined. A renamed test may run with other values than before. A test without any of these
markers runs with all its parameters.
"""

from __future__ import annotations

import itertools
import zlib
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence

import pytest

ALWAYS = ("bash", "tcsh", "fish")
IN_TURN = ("zsh", "ksh", "mksh", "dash")
PAIRS_OF_STACKS = (("eb4-pythonpath", "eb5-prefixes"), ("eb4-prefixes", "eb5-pythonpath"))
# Other kinds of conda modules, by the marker of the test: modules that ask conda at each `conda activate`
# (`conda.native_activation: false`), modules made by `stackenv site install` without hooks, and modules with
# which tests run mamba.
KINDS = {"both_activations": "asked", "site_install": "installed", "with_mamba": "mamba"}
SELECTING = ("each_value", "each_pair", "any_value")
# Folders whose tests need only the package and the shells of this machine.
QUICK = ("configuration", "pure")
# The longest first, so that no worker begins one of them at the end.
ORDER = (
    *(
        "easybuild",
        "slurm",
        "personal",
        "uv",
        "carrying",
        "shells",
        "pages",
        "kernels",
        "rules",
        "commands",
        "lmod",
    ),
    *("configuration", "pure"),
)

Values = tuple[Hashable, ...]


def sort_into_tiers(items: list[pytest.Item]) -> None:
    """Mark the tests that are quick or only in the matrix, and sort the longest first.

    Raises
    ------
    pytest.UsageError
        If a marker names a parameter that its test does not have.
    """
    check_parameters(items)
    mark_quick(items)
    mark_selections(items)
    mark_any_values(items)
    mark_shells(items)
    mark_stacks(items)
    mark_activations(items)
    sort_longest_first(items)


def choose_covering(products: Sequence[Values], strength: int) -> set[Values]:
    """Return a subset of `products` that covers all combinations of values at any `strength` places.

    The choice is greedy, in the order of `products`, and prefers values that were chosen least so far: the
    same products give the same selection, and no value is always combined with the same other value.
    """
    wanted = {held for values in products for held in list_held(values, strength)}
    chosen: set[Values] = set()
    uses: Counter[tuple[int, Hashable]] = Counter()

    def rank(values: Values) -> tuple[int, int]:
        new = len(wanted.intersection(list_held(values, strength)))
        return new, -sum(uses[place] for place in enumerate(values))

    while wanted:
        best = max(products, key=rank)
        chosen.add(best)
        uses.update(enumerate(best))
        wanted.difference_update(list_held(best, strength))
    return chosen


def list_held(values: Values, strength: int) -> list[tuple[tuple[int, Hashable], ...]]:
    """Return each combination of `strength` places with their values; the products that hold one cover it."""
    return list(itertools.combinations(enumerate(values), min(strength, len(values))))


def has_parameters(item: pytest.Item, *names: str) -> bool:
    callspec = getattr(item, "callspec", None)
    return callspec is not None and callspec.params.keys() >= set(names)


def names_parameter(item: pytest.Item, name: str) -> bool:
    """Return whether one of the test's markers chooses among the values of this parameter."""
    return any(mark.name in SELECTING and name in mark.args for mark in item.iter_markers())


def function_of(item: pytest.Item) -> str:
    """Return the name of the test, without its parameters."""
    return item.nodeid.partition("[")[0]


def parameters_of(item: pytest.Item, names: Iterable[str]) -> Values:
    """Return the test's parameters of these names, as text."""
    return tuple(str(item.callspec.params[name]) for name in names)  # type: ignore[attr-defined]


def turn_of(name: str) -> int:
    """Return a number for `name` that does not depend on the other tests, and differs for most names."""
    return zlib.crc32(name.encode())


def check_parameters(items: Iterable[pytest.Item]) -> None:
    """Check that a test has the parameters that its own markers name; markers of a file need not apply.

    Raises
    ------
    pytest.UsageError
        If a parameter is missing: otherwise all cases would stay in the normal run, unnoticed.
    """
    for item in items:
        for mark in item.own_markers:
            if mark.name in SELECTING and not has_parameters(item, *mark.args):
                raise pytest.UsageError(
                    f"{item.nodeid}: {mark.name}{mark.args} names a parameter that it does not have"
                )


def mark_selections(items: list[pytest.Item]) -> None:
    """Mark for the matrix the cases that `each_value` and `each_pair` leave out of the normal run."""
    for marker, strength in (("each_value", 1), ("each_pair", 2)):
        groups: dict[tuple[str, Values], list[pytest.Item]] = defaultdict(list)
        for item in items:
            for mark in filter(lambda mark: has_parameters(item, *mark.args), item.iter_markers(marker)):
                groups[function_of(item), mark.args].append(item)
        for (_, names), group in groups.items():
            chosen = choose_covering(
                list(dict.fromkeys(parameters_of(item, names) for item in group)), strength
            )
            for item in group:
                if parameters_of(item, names) not in chosen:
                    item.add_marker("matrix")


def mark_any_values(items: list[pytest.Item]) -> None:
    """Mark for the matrix all but one value, or one of every `of`, of the parameters of `any_value`."""
    functions: dict[tuple[str, Values, int], dict[Values, list[pytest.Item]]]
    functions = defaultdict(lambda: defaultdict(list))
    for item in items:
        for mark in filter(lambda mark: has_parameters(item, *mark.args), item.iter_markers("any_value")):
            function = function_of(item), mark.args, mark.kwargs.get("of", 0)
            functions[function][parameters_of(item, mark.args)].append(item)
    for (name, _, of), values in functions.items():
        kept = choose_in_turn(list(values), of or len(values), turn_of(name))
        for item in itertools.chain.from_iterable(values[v] for v in values if v not in kept):
            item.add_marker("matrix")


def choose_in_turn(values: Sequence[Values], of: int, turn: int) -> set[Values]:
    """Return one of every `of` values in a row, which `turn` decides; and the last, if there are more rows.

    At the last of the moments at which a command is killed, its effect turns from undone to done.
    """
    return {*values[turn % min(of, len(values)) :: of], *([values[-1]] if len(values) > of else [])}


def mark_shells(items: list[pytest.Item]) -> None:
    """Mark for the matrix the shells that `some_shells` leaves out of the normal run.

    A test whose own parameters or markers choose its shells keeps them.
    """
    functions: dict[str, dict[str, list[pytest.Item]]] = defaultdict(lambda: defaultdict(list))
    for item in items:
        chosen = item.get_closest_marker("all_shells") or names_parameter(item, "dialect")
        if item.get_closest_marker("some_shells") and not chosen and has_parameters(item, "dialect"):
            (shell,) = parameters_of(item, ["dialect"])
            functions[function_of(item)][shell].append(item)
    for name, shells in functions.items():
        if shells.keys() >= {*ALWAYS, *IN_TURN}:
            for shell in {*IN_TURN} - {IN_TURN[turn_of(name) % len(IN_TURN)]}:
                for item in shells[shell]:
                    item.add_marker("matrix")


def mark_stacks(items: list[pytest.Item]) -> None:
    """Mark for the matrix the stacks that `some_stacks` leaves out of the normal run."""
    files: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("some_stacks") and has_parameters(item, "stack"):
            files[item.nodeid.partition("::")[0]].append(item)
    for file in files:
        for item in files[file]:
            if parameters_of(item, ["stack"])[0] not in PAIRS_OF_STACKS[turn_of(file) % 2]:
                item.add_marker("matrix")


def mark_activations(items: list[pytest.Item]) -> None:
    """Mark for the matrix the other kinds of modules, except for one case per kind of each test.

    Of a test's cases in the normal run, one uses the modules that ask conda, and one those of `site
    install`; a single case is run with all kinds. This comes last, because it chooses among the cases that
    the other markers leave.
    """
    functions: dict[str, dict[Values, dict[str, pytest.Item]]] = defaultdict(lambda: defaultdict(dict))
    for item in items:
        if has_parameters(item, "built_modules") and not item.get_closest_marker("matrix"):
            others = sorted(item.callspec.params.keys() - {"built_modules"})  # type: ignore[attr-defined]
            kind = parameters_of(item, ["built_modules"])[0]
            functions[function_of(item)][parameters_of(item, others)][str(kind)] = item
    for name, cases in functions.items():
        of_kind = {
            kind: list(cases)[(turn_of(name) + shift) % len(cases)]
            for shift, kind in enumerate(KINDS.values())
        }
        for case, kinds in cases.items():
            replaced = [kind for kind in kinds if of_kind.get(kind) == case]
            for kind, item in kinds.items():
                if len(cases) > 1 and (kind not in replaced if kind in of_kind else bool(replaced)):
                    item.add_marker("matrix")


def mark_quick(items: list[pytest.Item]) -> None:
    for item in items:
        if folder_of(item) in QUICK:
            item.add_marker("quick")


def folder_of(item: pytest.Item) -> str:
    """Return the name of the folder that contains the test."""
    return item.path.parent.name


def sort_longest_first(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: ORDER.index(folder_of(item)) if folder_of(item) in ORDER else len(ORDER))
