"""The condarc that is written from a site configuration, as conda reads it."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stackenv.configuration.condarc import describe_condarc
from stackenv.configuration.loader import load_configuration
from stackenv.configuration.site_file import SHIPPED_FILE


def body(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))


def test_the_default_configuration_writes_its_channels_and_nothing_else(load):
    assert body(describe_condarc(load(""))) == "channels:\n- conda-forge\n"


def test_the_header_says_who_wrote_the_file(load):
    assert describe_condarc(load("")).startswith("# Written by stackenv from the site configuration")


def test_an_empty_default_list_writes_no_channels(load):
    text = describe_condarc(load("conda: {channels: {default: []}}\n"))
    assert yaml.safe_load(text) is None


def test_replace_defaults_writes_the_same_list_twice(load):
    text = describe_condarc(
        load("conda: {channels: {default: [a, b], replace_defaults: true, denied: [c]}}\n")
    )
    assert body(text) == ("channels:\n- a\n- b\ndefault_channels:\n- a\n- b\ndenylist_channels:\n- c\n")


def test_a_final_comment_ends_the_line_of_its_key_for_any_value(load):
    text = describe_condarc(
        load(
            "conda:\n  final: [denylist_channels, s, m, e, n]\n"
            "  channels: {default: [], denied: [x, y]}\n"
            "  condarc: {s: true, t: 1, m: {a: [1]}, e: [], n: null, u: [1]}\n"
        )
    )
    assert body(text) == (
        "denylist_channels: #!final\n- x\n- y\ns: true #!final\nt: 1\n"
        "m: #!final\n  a:\n  - 1\ne: [] #!final\nn: null #!final\nu:\n- 1\n"
    )


@pytest.mark.parametrize("word", ["0o7", "1e5", "yes", "null", "1:30", "a #!final", "~", "é", "a: b"])
def test_text_that_yaml_1_1_or_1_2_reads_otherwise_is_quoted(load, word):
    text = body(describe_condarc(load(f"conda: {{condarc: {{a: {word!r}}}}}\n")))
    assert text.splitlines()[-1][3] in "'\""
    assert yaml.safe_load(text)["a"] == word


def test_the_text_is_ascii_because_conda_reads_it_in_the_users_locale(load):
    assert describe_condarc(load("conda: {condarc: {a: 'é☃😀', b: {'é': 1}}}\n")).isascii()


def test_a_long_text_stays_on_one_line_with_its_final_comment(load):
    words = "a " * 200 + "b"
    text = describe_condarc(load(f"conda: {{final: [a], condarc: {{a: {words}}}}}\n"))
    assert text.endswith(f'a: "{words}" #!final\n')


def test_a_list_used_twice_is_written_twice(load):
    conda = load("conda: {condarc: {}}\n")
    shared = ["x"]
    text = describe_condarc(conda._replace(condarc={"a": {"b": shared, "c": shared}}))
    assert "&" not in text


def test_an_unknown_conda_key_is_a_warning_that_suggests_the_nearest(configuration_path):
    configuration_path.write_text(
        "version: 1\nconda:\n  condarc:\n    auto_activate: false\n    conda-build: {}\n"
        "    channel_prioritty: strict\n"
    )
    assert load_configuration(configuration_path).warnings == (
        f"{configuration_path}:6: "
        "conda.condarc.channel_prioritty: conda does not know this key and ignores it; "
        'did you mean "channel_priority"?',
    )


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("pkgs_dir", "packages in conda.storage"),
        ("pkgs", "packages in conda.storage"),
        ("envs", "environments in conda.storage"),
        ("env_dirs", "environments in conda.storage"),
        ("chanels", "conda.channels.default"),
    ],
)
def test_a_suggestion_is_a_key_that_the_site_configuration_allows(configuration_path, key, meant):
    configuration_path.write_text(f"version: 1\nconda: {{condarc: {{{key}: [a]}}}}\n")
    (warning,) = load_configuration(configuration_path).warnings
    assert warning.endswith(f'did you mean "{meant}"?')


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"))),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.from_regex(r"[a-zé]{1,200}", fullmatch=True), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = st.from_regex(r"x[A-Za-z0-9_-]{0,99}", fullmatch=True)
SHIPPED = load_configuration(SHIPPED_FILE).conda


@given(st.dictionaries(KEYS, VALUES, max_size=4), st.booleans())
def test_yaml_reads_back_the_values_that_were_written(values, is_final):
    conda = SHIPPED._replace(condarc=values, final=tuple(values) if is_final else ())
    text = describe_condarc(conda)
    assert yaml.safe_load(text) == {"channels": ["conda-forge"], **values}
    assert text.count(" #!final\n") == (len(values) if is_final else 0)
