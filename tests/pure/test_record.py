"""A damaged record is refused with a message about what is wrong, whatever it contains."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from stackenv.errors import StackenvError
from stackenv.record import (
    Carried,
    Modulefile,
    Package,
    PackedImage,
    Platform,
    Python,
    Record,
    describe_record,
    parse_record,
    write_record_text,
)

RECORD = Record(
    "bio",
    "1.0",
    "venv",
    "/home/user/venvs/bio-1.0",
    "/home/user/modules",
    ("Bundle/1",),
    ("Python/3.11", "Bundle/1"),
    "/modules",
    Python("3.11.3", "/sw/bin/python3.11", "Python/3.11"),
    Platform("x86_64", "rocky 9", "zen2"),
    (Package("numpy", "1.26", "/site-packages", "numpy-1.26.whl", "0" * 64),),
    (("scipy", "1.11", "Bundle/1"),),
    ("scipy",),
    ("avx2",),
    made_by=("stackenv", "create", "bio"),
    packed=PackedImage("0a1b", 5, "0" * 64, 3, "0" * 64, "session", "/tmp"),
    replaces="/home/user/venvs/old",
    carried=Carried(
        (Modulefile("/modules/Bundle/1.lua", 5, 1, "0" * 64),),
        ("/sw/Bundle/1/site-packages",),
        ("/sw/Bundle/1",),
        ("/sw/Bundle/1/lib",),
        ("/sw/preloaded.so",),
        (("PROJ_DATA", "/sw/proj"),),
        "zen2",
        ("avx2",),
    ),
)
# Fields that may contain anything: not read as a text, or converted to one.
FREE = ("activation", "replaces")


def list_places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the place of each value in `data`: its keys and indexes, outermost first."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from list_places(value, (*path, key))


DATA = json.loads(json.dumps(describe_record(RECORD)))
PLACES = [place for place in list_places(DATA) if place[0] not in FREE]


def test_a_written_record_is_read_back_unchanged() -> None:
    assert parse_record(write_record_text(RECORD), "it") == RECORD


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place)))
def test_a_value_of_the_wrong_type_is_refused_in_each_field(place: tuple[Any, ...]) -> None:
    for other in (5, 1.5, True, None, [], ["x"], {}, {"x": "y"}, "x"):
        data = copy.deepcopy(DATA)
        holder = data
        for key in place[:-1]:
            holder = holder[key]
        if type(other) is type(holder[place[-1]]) or other == holder[place[-1]]:
            continue
        holder[place[-1]] = other
        # Without a Python, an image or carried settings the value is null or missing, which is valid.
        if place in (("python",), ("packed",), ("carried",)) and not other:
            continue
        with pytest.raises(StackenvError) as raised:
            parse_record(json.dumps(data), "/the/record.json")
        assert raised.value.message.startswith("/the/record.json is not a usable record: ")
        # The message is about the contents of the record, not about Python objects.
        assert not re.search(r"object|__init__|argument|unpack|None|True", raised.value.message)
