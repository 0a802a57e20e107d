"""Folders in a site configuration that contain environment variables, such as ``${WORKSPACE}``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

_VARIABLE = r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}"
_ALLOWED_VARIABLE = "allowed: variables written as ${NAME}, of letters, digits and _"


class Literal(NamedTuple):
    """Characters of a path that stand for themselves."""

    text: str


class Variable(NamedTuple):
    """An environment variable whose value is read when the module is loaded."""

    name: str


class PathTemplate(NamedTuple):
    """A parsed folder.

    Parameters
    ----------
    text
        The folder as the site configuration writes it, without doubled or trailing slashes.
    parts
        The same folder cut into literals and variables, in order.
    """

    text: str
    parts: tuple[Literal | Variable, ...]

    def expand(self, environ: Mapping[str, str]) -> str | None:
        """Return the folder with the variables' values from `environ`; None if one of them is not set."""
        words = [environ.get(p.name, "") if isinstance(p, Variable) else p.text for p in self.parts]
        return "".join(words) if all(words) else None

    def contains(self, folder: str) -> bool:
        """Return whether `folder`, the text of a template, is this folder or inside it.

        Whole components are compared: ``${SCRATCH}2`` is not inside ``${SCRATCH}``.
        """
        return folder == self.text or folder.startswith(self.text.rstrip("/") + "/")


def parse_path_template(text: str) -> PathTemplate:
    """Parse a folder that is absolute or begins with a variable: ``${WORKSPACE}``, ``/scratch/${USER}``.

    Raises
    ------
    ValueError
        The message says what is wrong and what is allowed.

    Notes
    -----
    ``:`` separates the folders of CONDA_ENVS_PATH, and ``,`` those of CONDA_PKGS_DIRS
    (conda/base/context.py, ``string_delimiter``), and conda strips white space around each, so
    such a folder would become another one, or two.
    """
    _refuse_bad_variables(text)
    _refuse_separators(text, ":,")
    _refuse_tilde(text)
    if not text.startswith(("/", "${")):
        raise ValueError(
            f"{text!r} is a relative path; "
            "allowed: an absolute path, or one that begins with a variable such as ${WORKSPACE}"
        )
    normal = ("/" if text.startswith("/") else "") + "/".join(_components(text))
    return PathTemplate(normal, _split(normal))


def parse_relative_folder(text: str, separators: str, variables: bool = False) -> str:
    """Return the folder `text`, given relative to a parent, without doubled or trailing slashes.

    Parameters
    ----------
    text
        For example ``conda/envs``.
    separators
        The characters that separate folders in the list to which it is written.
    variables
        Whether it may contain variables: ``.cache-${USER}/pip``.

    Raises
    ------
    ValueError
        The message says what is wrong and what is allowed.
    """
    allowed = "allowed: a path below the parent, such as conda/envs"
    if variables:
        _refuse_bad_variables(text)
    elif "$" in text:
        raise ValueError(f"{text!r} names a variable; {allowed} (variables belong in the parent)")
    _refuse_separators(text, separators)
    _refuse_tilde(text)
    if text.startswith("/"):
        raise ValueError(f"{text!r} is absolute; {allowed}")
    components = _components(text)
    if not components:
        raise ValueError(f"{text!r} is the parent itself; {allowed}")
    return "/".join(components)


def _refuse_bad_variables(text: str) -> None:
    rest = re.sub(_VARIABLE, "", text)
    # Valid variables have been removed, so any remaining dollar begins an invalid one.
    if "$" not in rest:
        return
    bad = rest[rest.index("$") :]
    if not bad.startswith("${"):
        problem = "has a $ without braces"
    elif "}" not in bad:
        problem = "has a ${ that is never closed"
    else:
        problem = f"names {bad[: bad.index('}') + 1]!r}, which is not a variable's name"
    raise ValueError(f"{text!r} {problem}; {_ALLOWED_VARIABLE}")


def _refuse_separators(text: str, separators: str) -> None:
    for character in separators:
        if character in text:
            raise ValueError(
                f"{text!r} contains {character!r}, which separates paths in conda's list variables; "
                f"allowed: a path without {' and '.join(repr(c) for c in separators)}"
            )
    if text != text.strip():
        raise ValueError(
            f"{text!r} begins or ends with white space, which conda strips; allowed: a path without it"
        )


def _refuse_tilde(text: str) -> None:
    if any(component.startswith("~") for component in text.split("/")):
        raise ValueError(f"{text!r} has a ~, which only a shell expands; allowed: ${{HOME}}")


def _components(text: str) -> list[str]:
    components = [component for component in text.split("/") if component not in ("", ".")]
    if ".." in components:
        raise ValueError(f"{text!r} contains '..'; allowed: a path without '..'")
    return components


def _split(text: str) -> tuple[Literal | Variable, ...]:
    # re.split with one group alternates: text, name, text, name, ..., text.
    pieces = re.split(_VARIABLE, text)
    parts = [Variable(p) if i % 2 else Literal(p) for i, p in enumerate(pieces)]
    return tuple(part for part in parts if any(part))
