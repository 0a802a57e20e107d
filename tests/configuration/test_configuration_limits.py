"""The section `limits`: numbers with units, the command that reports more, and what is refused."""

from __future__ import annotations

import pytest

from stackenv.configuration.loader import load_configuration
from stackenv.configuration.settings import LimitSettings
from stackenv.configuration.site_file import SHIPPED_FILE

BYTES = 'null, or a number with a unit: "1 TB" (1000 GB), "500 GiB"'
FILES = 'null, or a number, also with a unit: 1000000, "1 M"'
PROGRAM = "the absolute path of a program, then its arguments"
KEYS = "path, bytes, files, command"


@pytest.fixture
def load_limits(configuration_path):
    """Return a function that loads the items of ``limits``, each given as a line of YAML."""

    def load_items(*items: str) -> tuple[LimitSettings, ...]:
        lines = "".join(f"  - {item}\n" for item in items)
        configuration_path.write_text(f"version: 1\nlimits:\n{lines}", encoding="utf-8")
        return load_configuration(configuration_path).limits

    return load_items


def test_the_default_has_no_limits():
    assert load_configuration(SHIPPED_FILE).limits == ()


def test_ubelix_limits_home_and_scratch():
    limits = load_configuration(SHIPPED_FILE.parent / "ubelix.yaml").limits
    assert [(limit.path.text, limit.bytes, limit.files) for limit in limits] == [
        ("${HOME}", 10**12, 10**6),
        ("${SCRATCH}", 30 * 10**12, 10**7),
    ]


def test_valid_limits_are_read(load_limits):
    numbers, command = load_limits("{path: /a, bytes: 5}", '{path: "${W}/b", command: [/bin/quota, -x]}')
    assert (numbers.path.text, numbers.bytes, numbers.files, numbers.command) == ("/a", 5, None, None)
    assert (command.path.text, command.bytes, command.command) == ("${W}/b", None, ("/bin/quota", "-x"))


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("1000", 1000),
        ("1 kB", 10**3),
        ("1.5TB", 1_500_000_000_000),
        ("500 GiB", 500 * 2**30),
        ("2 PB", 2 * 10**15),
        ("20 B", 20),
        ("1 M", 10**6),
    ],
)
def test_bytes_can_be_written_with_units(load_limits, written, number):
    assert load_limits(f"{{path: /a, bytes: {written}}}")[0].bytes == number


@pytest.mark.parametrize(("written", "number"), [("1000000", 10**6), ("10M", 10**7), ("1.5 M", 1_500_000)])
def test_files_can_be_written_with_units(load_limits, written, number):
    assert load_limits(f"{{path: /a, files: {written}}}")[0].files == number


@pytest.mark.parametrize(
    ("item", "fault"),
    [
        ("{path: /a}", "3: limits[0]: no limit given; allowed: bytes, files or command in addition to path"),
        ("{bytes: 1 TB}", "3: limits[0].path: missing; allowed: this key with a value"),
        ("{path: /a, bytes: 0}", f"3: limits[0].bytes: found the number 0; allowed: {BYTES}"),
        ("{path: /a, bytes: yes}", f"3: limits[0].bytes: found the boolean true; allowed: {BYTES}"),
        ("{path: /a, bytes: 1 tons}", f"3: limits[0].bytes: found the text '1 tons'; allowed: {BYTES}"),
        ("{path: /a, files: 1 MB}", f"3: limits[0].files: found the text '1 MB'; allowed: {FILES}"),
        ("{path: /a, files: -1}", f"3: limits[0].files: found the number -1; allowed: {FILES}"),
        ("{path: /a, files: 0.0 M}", f"3: limits[0].files: found the text '0.0 M'; allowed: {FILES}"),
        ("{path: /a, command: []}", f"3: limits[0].command: found []; allowed: {PROGRAM}"),
        ("{path: /a, command: [quota]}", f"3: limits[0].command: found 'quota'; allowed: {PROGRAM}"),
        (
            "{path: /a, command: /bin/quota}",
            "3: limits[0].command: found the text '/bin/quota'; allowed: a list of words",
        ),
        (
            "{path: /a, byte: 1}",
            f'3: limits[0].byte: unknown key; allowed: {KEYS}; did you mean "bytes"?',
        ),
        ("{path: a, bytes: 1}", None),
    ],
)
def test_an_invalid_limit_is_refused(faults, item, fault):
    found = faults(f"limits:\n  - {item}\n")
    assert len(found) == 1
    assert found == [fault] if fault else found[0].startswith("3: limits[0].path: 'a' is a relative path")


def test_a_mapping_instead_of_a_list_is_refused(faults):
    assert faults("limits: {path: /a}\n") == [
        "2: limits: found the mapping {'path': '/a'}; allowed: a list of mappings (or [])"
    ]
