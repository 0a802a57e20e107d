"""Loading a file returns a configuration or raises ConfigurationError, and nothing else, for any content."""

from __future__ import annotations

import tempfile
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from stackenv.configuration.condarc import describe_condarc
from stackenv.configuration.loader import load_configuration
from stackenv.configuration.schema import CHANNEL_FIELDS, CONDA_FIELDS, LOAD_TEST_FIELDS, PLACE_FIELDS
from stackenv.configuration.settings import SiteConfiguration
from stackenv.errors import ConfigurationError

# fmt: off
FRAGMENTS = st.sampled_from([
    "version: 1\n", "conda:\n", "  ", "- ", "a: ", "? ", ": ", "[", "]", "{", "}", ", ", "'",
    '"', "# ", "#!final", "\n", "&a ", "*a ", "!!python/name:x ", "!!int ", "<<: ", "= ",
    "0x_", "1:60.5", "2001-01-01", ".inf", "\\UFFFFFFFF", "\\ud800", "%YAML 1.2\n", "---\n",
    "...\n", ">+9\n", "\t", "\r", "\x00", "\x85", "\u2028", "\ufeff", "yes", "~", "channels: ",
    "storage: ", "condarc: ", "final: ", "load_test: ", "|-\n",
])
# fmt: on
KEYS = [
    str(key) for fields in (CONDA_FIELDS, CHANNEL_FIELDS, PLACE_FIELDS, LOAD_TEST_FIELDS) for key in fields
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.dates(),
    st.sampled_from(["${HOME}", "${SCRATCH}/a", "/a", "a/b", "defaults", "bash", "refuse", "a"]),
)
DATA = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | SCALARS, inner, max_size=4)
    ),
    max_leaves=12,
)


def check(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "site.yaml"
        path.write_bytes(content)
        try:
            configuration = load_configuration(path)
        except ConfigurationError as error:
            lines = error.message.split("\n")
            assert all(line.startswith(f"{path}:") for line in lines)
        else:
            assert isinstance(configuration, SiteConfiguration)
            yaml.safe_load(describe_condarc(configuration.conda))


@given(st.binary())
def test_any_bytes_load_or_raise_a_configuration_error(content):
    check(content)


@given(st.text())
def test_any_text_loads_or_raises_a_configuration_error(text):
    check(text.encode("utf-8", "surrogatepass"))


@given(st.lists(FRAGMENTS, max_size=20), st.booleans())
@settings(max_examples=1000, deadline=None)
def test_any_yaml_fragments_load_or_raise_a_configuration_error(fragments, has_version):
    check(("version: 1\n" * has_version + "".join(fragments)).encode())


@given(st.dictionaries(st.sampled_from(KEYS), DATA, max_size=5))
@settings(max_examples=500, deadline=None)
def test_any_values_of_known_keys_load_or_raise_a_configuration_error(conda):
    check(yaml.safe_dump({"version": 1, "conda": conda}, allow_unicode=True).encode())
