"""The site configurations that come with stackenv."""

from __future__ import annotations

import re

import pytest

from stackenv.configuration.loader import load_configuration
from stackenv.configuration.schema import KEYS_OF_SECTION, RESERVED_SECTIONS, SHELLS
from stackenv.configuration.site_file import SHIPPED_FILE

FOLDER = SHIPPED_FILE.parent


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.name)
def test_a_shipped_configuration_loads(path):
    assert load_configuration(path).version == 1


def test_the_default_has_the_documented_values():
    conda = load_configuration(SHIPPED_FILE).conda
    assert conda.names == ("Anaconda3", "Miniconda3", "Miniforge3", "Mambaforge")
    assert [place.parent.text for place in conda.storage] == ["${HOME}"]
    assert [place.text for place in conda.purged_storage] == ["${SCRATCH}"]
    assert conda.channels.default == ("conda-forge",)
    assert not conda.channels.replace_defaults
    assert (conda.init, conda.user_site, conda.templates) == ("refuse", "hide", None)
    assert conda.load_test.shells == SHELLS
    assert conda.load_test.timeout_s == 120


def test_the_default_explains_every_key_in_the_comment_above_it():
    text = SHIPPED_FILE.read_text(encoding="utf-8")
    for section, keys in KEYS_OF_SECTION.items():
        # Keys of a list's items are explained above the list.
        in_list = section in ("conda.storage", "limits") or section.startswith("caches.")
        pattern = r"(?m)^ *#  ? ? {} " if in_list else r"(?m)^ *#.*\n *{}:"
        for key in set(keys) - set(RESERVED_SECTIONS):
            assert re.search(pattern.format(key), text), f"{section}.{key}"


def test_the_default_names_the_reserved_sections():
    text = SHIPPED_FILE.read_text(encoding="utf-8")
    assert ", ".join(RESERVED_SECTIONS) in text


def test_ubelix_prefers_the_workspace_to_home():
    conda = load_configuration(FOLDER / "ubelix.yaml").conda
    assert [place.parent.text for place in conda.storage] == ["${WORKSPACE}", "${HOME}"]
