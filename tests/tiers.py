"""Which tests belong to which run: quick, normal, matrix; `sh tests/run.sh` chooses by these markers.

A test whose parameters multiply stays in the normal run with a selection of the product, and the rest of it
goes to the matrix:

- `each_value("stack", "kind")`: every value of each of these parameters, at least once;
- `each_pair("kind", "first", "last")`: every two values of any two of these parameters, at least once;
- `any_value("stack")`: one value of this parameter, where the others can hardly make a difference; the
  name of the test says which;
- `some_shells`: bash, tcsh and fish, and one of the others, by the name of the test;
  of a file, for all its tests but those with `all_shells`;
- `some_stacks`: of the four stacks two, of both EasyBuilds and with both search paths, by the name of the
  file.

They can be combined. A test without any of these markers runs with all its parameters.
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
# Folders whose tests need nothing but the package and the shells of this machine.
QUICK = ("policy", "pure")
# The longest first, so that no worker is left with one of them at the end.
ORDER = ("easybuild", "slurm", "personal", "shells", "kernels", "rules", "commands", "lmod", "policy", "pure")

Values = tuple[Hashable, ...]


def choose_covering(products: Sequence[Values], strength: int) -> set[Values]:
    """Return some of `products` in which all that any `strength` places of one of them hold stands together.

    Greedy, in the order of `products`, and what was chosen least so far first: the same products give the
    same selection, and no value is combined with one alone where there are others.
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
    """Return what `values` hold, by place: each choice of `strength` places with what stands there."""
    return list(itertools.combinations(enumerate(values), min(strength, len(values))))


def has_parameters(item: pytest.Item, *names: str) -> bool:
    callspec = getattr(item, "callspec", None)
    return callspec is not None and callspec.params.keys() >= set(names)


def parameters_of(item: pytest.Item, names: Iterable[str]) -> Values:
    """Return what the test's parameters of these names are, in words."""
    return tuple(str(item.callspec.params[name]) for name in names)  # type: ignore[attr-defined]


def turn_of(name: str) -> int:
    """Return a number that is the same whatever else is collected, and another for most other names."""
    return zlib.crc32(name.encode())


def mark_selections(items: list[pytest.Item]) -> None:
    """Mark for the matrix what `each_value` and `each_pair` leave out of the normal run."""
    for marker, strength in (("each_value", 1), ("each_pair", 2)):
        groups: dict[tuple[str, Values], list[pytest.Item]] = defaultdict(list)
        for item in items:
            for mark in filter(lambda mark: has_parameters(item, *mark.args), item.iter_markers(marker)):
                groups[item.nodeid.partition("::")[0], mark.args].append(item)
        for (_, names), group in groups.items():
            chosen = choose_covering(
                list(dict.fromkeys(parameters_of(item, names) for item in group)), strength
            )
            for item in group:
                if parameters_of(item, names) not in chosen:
                    item.add_marker("matrix")


def mark_any_values(items: list[pytest.Item]) -> None:
    """Mark for the matrix all but one value of what `any_value` names."""
    functions: dict[str, dict[Values, list[pytest.Item]]] = defaultdict(lambda: defaultdict(list))
    for item in items:
        for mark in filter(lambda mark: has_parameters(item, *mark.args), item.iter_markers("any_value")):
            functions[item.nodeid.partition("[")[0]][parameters_of(item, mark.args)].append(item)
    for name, values in functions.items():
        kept = list(values)[turn_of(name) % len(values)]
        for item in itertools.chain.from_iterable(values[v] for v in values if v != kept):
            item.add_marker("matrix")


def mark_shells(items: list[pytest.Item]) -> None:
    """Mark for the matrix the shells that `some_shells` leaves out of the normal run.

    A test that has chosen its shells itself keeps them.
    """
    functions: dict[str, dict[str, list[pytest.Item]]] = defaultdict(lambda: defaultdict(list))
    for item in items:
        if not item.get_closest_marker("some_shells") or item.get_closest_marker("all_shells"):
            continue
        if has_parameters(item, "dialect"):
            (shell,) = parameters_of(item, ["dialect"])
            functions[item.nodeid.partition("[")[0]][shell].append(item)
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


def mark_quick(items: list[pytest.Item]) -> None:
    for item in items:
        if folder_of(item) in QUICK:
            item.add_marker("quick")


def folder_of(item: pytest.Item) -> str:
    """Return the folder of tests in which the test stands."""
    return item.path.parent.name


def sort_longest_first(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: ORDER.index(folder_of(item)) if folder_of(item) in ORDER else len(ORDER))
