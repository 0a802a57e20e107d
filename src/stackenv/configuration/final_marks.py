"""conda's ``#!final``: where it must never stand, and where a configuration's author wrote it in vain."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

import yaml

from stackenv.configuration.document import Document
from stackenv.configuration.faults import KeyPath

# conda takes any comment that is "final" once ! and # are stripped
# (conda/common/configuration.py, ParameterFlag.from_string).
_FINAL_COMMENT = re.compile(r"#[#!\s]*final\b")

NEVER_FINAL = {
    "channels": "a plain `conda install -c X` would then do nothing",
    "channel": "it is another name of channels",
    "envs_dirs": "the module's and the user's CONDA_ENVS_PATH would then be ignored",
    "envs_path": "it is another name of envs_dirs",
    "pkgs_dirs": "the module's and the user's CONDA_PKGS_DIRS would then be ignored",
    "pkgs_path": "it is another name of pkgs_dirs",
}


def refuse_final_comments(document: Document) -> None:
    """Add a fault for each ``#!final`` that stands behind a key or value.

    The site configuration's comments are not carried over to conda, so such a comment would do nothing, and
    on some keys it would do harm if it did. Comments on lines of their own are left alone.

    Parameters
    ----------
    document
        A document that is YAML; its list of faults grows.
    """
    keys_of_line = defaultdict(list)
    for key, place in document.places.items():
        keys_of_line[place.line].append(key)
    for line in _final_lines(document.text):
        key, never = _worst(keys_of_line[line])
        if never:
            problem = f"#!final on {never}: {NEVER_FINAL[never]}; allowed: no #!final here"
        else:
            problem = "#!final in a comment does nothing; allowed: the key's name in conda.final"
        document.blame(key, line, problem)


def _worst(keys: list[KeyPath]) -> tuple[KeyPath, str]:
    for key in keys:
        for step in reversed(key):
            if step in NEVER_FINAL:
                return key, str(step)
    return (keys[0] if keys else ()), ""


def _final_lines(text: str) -> Iterator[int]:
    if "final" not in text:
        return
    previous = None
    for token in yaml.scan(text):
        if previous is not None:
            # PyYAML drops comments: what lies between two tokens on one line can be nothing else.
            gap = text[previous.end_mark.index : token.start_mark.index]
            if _FINAL_COMMENT.match(re.split("[\r\n]", gap)[0].strip()):
                yield previous.end_mark.line + 1
        if isinstance(token, yaml.ScalarToken) and token.style in ("|", ">"):
            # The comment behind | or > lies inside the token.
            header = re.split("[\r\n]", text[token.start_mark.index :], maxsplit=1)[0]
            if _FINAL_COMMENT.search(header):
                yield token.start_mark.line + 1
        previous = token
