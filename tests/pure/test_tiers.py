"""What the normal run keeps of a product of parameters."""

from __future__ import annotations

import itertools

import pytest
from tiers import choose_covering

PRODUCTS = [
    (("a", "b"), ("1", "2", "3")),
    (("a", "b", "c", "d"), ("1", "2", "3", "4")),
    (("a", "b", "c", "d"), ("x", "y"), ("1", "2"), tuple("bcdefgh")),
]


@pytest.mark.parametrize("axes", PRODUCTS, ids=len)
@pytest.mark.parametrize("strength", [1, 2])
def test_all_that_so_many_places_can_hold_stands_together(axes, strength: int) -> None:
    chosen = choose_covering(list(itertools.product(*axes)), strength)
    for places in itertools.combinations(range(len(axes)), strength):
        wanted = set(itertools.product(*(axes[place] for place in places)))
        assert {tuple(values[place] for place in places) for values in chosen} == wanted


def test_each_value_takes_no_more_than_the_longest_has() -> None:
    assert len(choose_covering(list(itertools.product("abcd", "wxyz")), 1)) == 4
    assert len(choose_covering(list(itertools.product("abcdefghijk", "1234567")), 1)) == 11


def test_each_pair_is_far_less_than_the_product() -> None:
    product = list(itertools.product("abcd", "xy", "12", "bcdefgh"))
    assert len(product) == 112
    assert len(choose_covering(product, 2)) <= 30


def test_a_product_with_holes_is_covered_as_far_as_it_goes() -> None:
    assert choose_covering([("a", "1"), ("b", "1")], 2) == {("a", "1"), ("b", "1")}
