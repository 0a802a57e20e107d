"""The cases that the normal run keeps of all combinations of parameters."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest
from built import CHECKOUT
from tiers import ALWAYS, IN_TURN, choose_covering, choose_in_turn

PRODUCTS = [
    (("a", "b"), ("1", "2", "3")),
    (("a", "b", "c", "d"), ("1", "2", "3", "4")),
    (("a", "b", "c", "d"), ("x", "y"), ("1", "2"), tuple("bcdefgh")),
]


@pytest.mark.parametrize("axes", PRODUCTS, ids=len)
@pytest.mark.parametrize("strength", [1, 2])
def test_the_selection_covers_each_combination_of_the_given_strength(axes, strength: int) -> None:
    chosen = choose_covering(list(itertools.product(*axes)), strength)
    for places in itertools.combinations(range(len(axes)), strength):
        wanted = set(itertools.product(*(axes[place] for place in places)))
        assert {tuple(values[place] for place in places) for values in chosen} == wanted


def test_covering_each_value_takes_as_many_cases_as_the_longest_axis() -> None:
    assert len(choose_covering(list(itertools.product("abcd", "wxyz")), 1)) == 4
    assert len(choose_covering(list(itertools.product("abcdefghijk", "1234567")), 1)) == 11


def test_covering_each_pair_takes_far_fewer_cases_than_the_product() -> None:
    product = list(itertools.product("abcd", "xy", "12", "bcdefgh"))
    assert len(product) == 112
    assert len(choose_covering(product, 2)) <= 30


def test_an_incomplete_product_is_covered_as_far_as_possible() -> None:
    assert choose_covering([("a", "1"), ("b", "1")], 2) == {("a", "1"), ("b", "1")}


@pytest.mark.parametrize("turn", [0, 1, 2, 3, 1000])
def test_every_nth_value_and_the_last_are_kept(turn: int) -> None:
    kept = choose_in_turn(list("abcdefgh"), 3, turn)
    assert "h" in kept and len(kept) <= 4
    assert {"abcdefgh".index(value) % 3 for value in kept - {"h"}} == {turn % 3}
    assert len(choose_in_turn(["a", "b"], 3, turn)) == len(choose_in_turn(["a", "b"], 2, turn)) == 1


CONFTEST = """\
import sys
sys.path.insert(0, {tests!r})
from tiers import sort_into_tiers
def pytest_collection_modifyitems(items):
    sort_into_tiers(items)
"""
SHELLS = (*ALWAYS, *IN_TURN)


def collect(folder: Path, *lines: str) -> str:
    """Return what pytest prints when it collects a file of these lines for the normal run."""
    (folder / "conftest.py").write_text(CONFTEST.format(tests=str(CHECKOUT / "tests")))
    (folder / "test_it.py").write_text("\n".join(("import pytest", *lines)))
    words = ("-c", CHECKOUT / "setup.cfg", "--rootdir", folder, "-p", "no:cacheprovider", folder)
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-m", "not matrix", *map(str, words)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_a_marker_that_names_an_unknown_parameter_is_an_error(tmp_path: Path) -> None:
    said = collect(
        tmp_path,
        "@pytest.mark.any_value('shell')",
        "@pytest.mark.parametrize('dialect', 'ab')",
        "def test_one(dialect): pass",
    )
    assert "test_one[a]: any_value('shell',) names a parameter that it does not have" in said


def test_a_file_wide_each_value_covers_all_values_of_each_test(tmp_path: Path) -> None:
    said = collect(
        tmp_path,
        "pytestmark = pytest.mark.each_value('step', 'after')",
        *("@pytest.mark.parametrize('after', '01')", "@pytest.mark.parametrize('step', 'abc')"),
        "def test_one(step, after): pass",
        *("@pytest.mark.parametrize('after', '01')", "@pytest.mark.parametrize('step', 'c')"),
        "def test_other(step, after): pass",
    )
    kept = re.findall(r"test_one\[(.)-(.)\]", said)
    assert (
        len(kept) == 3 and {step for step, _ in kept} == {*"abc"} and {after for _, after in kept} == {*"01"}
    )
    assert sorted(re.findall(r"test_other\[(.)-(.)\]", said)) == [("c", "0"), ("c", "1")]


def test_a_test_with_a_marker_for_its_shells_keeps_all_of_them(tmp_path: Path) -> None:
    said = collect(
        tmp_path,
        "pytestmark = pytest.mark.some_shells",
        f"@pytest.mark.parametrize('dialect', {SHELLS})",
        "def test_left(dialect): pass",
        *("@pytest.mark.each_value('dialect')", f"@pytest.mark.parametrize('dialect', {SHELLS})"),
        "def test_chosen(dialect): pass",
    )
    left, chosen = (re.findall(rf"test_{name}\[(.*)\]", said) for name in ("left", "chosen"))
    assert {*ALWAYS} < {*left} and len(left) == len(ALWAYS) + 1
    assert {*chosen} == {*SHELLS}


def test_one_case_of_each_test_runs_with_modules_that_ask_conda(tmp_path: Path) -> None:
    kinds = "@pytest.mark.parametrize('built_modules', ['native', 'asked'])"
    said = collect(
        tmp_path,
        "pytestmark = pytest.mark.some_shells",
        *(
            f"@pytest.mark.parametrize('dialect', {SHELLS})",
            "@pytest.mark.parametrize('count', '012')",
            kinds,
        ),
        "def test_many(built_modules, dialect, count): pass",
        *(kinds, "def test_single(built_modules): pass"),
    )
    found = re.findall(r"test_many\[(\w+)-(\d)-(\w+)\]", said)
    assert len(found) == len({case[1:] for case in found}) == 3 * (len(ALWAYS) + 1), said
    assert [kind for kind, *_ in found].count("asked") == 1
    assert sorted(re.findall(r"test_single\[(\w+)\]", said)) == ["asked", "native"]
