"""Descriptions of a modulefile and of the files that it needs, from which their texts are rendered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Union

from stackenv.modulefile.operations import Operation

# The templates' folder; in a checkout, a link to modulefiles.
SHIPPED = Path(__file__).parent.parent / "templates"


@dataclass(frozen=True)
class ModuleSpec:
    """The description of a modulefile.

    `template` names the frame in the templates' folder. `blocks` are the operations to print, by the name of
    the frame's block. `facts` are texts for which the Lua code has variables; a path comes after longer paths
    that begin with it. `help_text` is the page of `module help`. `comments` are written into the first lines,
    for stackenv itself to read.
    """

    template: str
    blocks: Mapping[str, tuple[Operation, ...]]
    facts: Mapping[str, str]
    help_text: str
    comments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """The code of the file `name` in the templates' folder, without comments, since each load evaluates it.

    `values` are the values of its placeholders: words, or the code of other files as one word. If it
    `defines` a function of sh, a site's own version of the file too must contain that function and nothing
    else.
    """

    name: str
    values: Mapping[str, Value] = field(default_factory=dict)
    defines: str = ""

    @property
    def dialect(self) -> str:
        return self.name.rpartition(".")[2]


class Name(str):
    """The name of a command or a variable, which replaces a placeholder without quotes."""


Value = Union[str, Source]


@dataclass(frozen=True)
class InstalledFile:
    """A file that the modulefile needs beside the installation.

    `path` is absolute. The contents are `text`, or, if `source` is given, that file of the templates' folder
    with its placeholders replaced by `values`, quoted for `dialect`. If it `yields`, a file that stackenv did
    not write is kept; if it is also a `stand_in`, that is normal and not reported. `link` is the target of
    the link that the file replaces, which is restored when the file is removed. `loss` says in a clause what
    goes wrong while a file of an environment is missing.
    """

    path: str
    source: str = ""
    text: str = ""
    dialect: str = "sh"
    values: Mapping[str, Value] | None = None
    executable: bool = False
    yields: bool = False
    stand_in: bool = False
    link: str = ""
    loss: str = ""
