"""What is made from a description: the text of a modulefile, and the files that it depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Union

from stackenv.modulefile.operations import Operation

# The templates' folder; a link to modulefiles in a checkout.
SHIPPED = Path(__file__).parent.parent / "templates"


@dataclass(frozen=True)
class ModuleSpec:
    """A modulefile, described.

    `template` names the frame in the templates' folder; `blocks` are the operations that it prints,
    by the name of the frame's block; `facts` are texts that its Lua has names for, a path behind what
    begins with it; `help_text` is the page of `module help`; `comments` stand in the first lines, for
    stackenv itself to read.
    """

    template: str
    blocks: Mapping[str, tuple[Operation, ...]]
    facts: Mapping[str, str]
    help_text: str
    comments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """The code of the file `name` in the templates' folder, without comments: each load carries it.

    `values` are what its placeholders stand for: words, or the code of other files as one word. Where it
    `defines` a function of sh, also a site's own file must be that function and nothing else.
    """

    name: str
    values: Mapping[str, Value] = field(default_factory=dict)
    defines: str = ""

    @property
    def dialect(self) -> str:
        return self.name.rpartition(".")[2]


class Name(str):
    """The name of a command or a variable: as a value of a placeholder it goes in as it is."""


Value = Union[str, Source]


@dataclass(frozen=True)
class InstalledFile:
    """A file that the modulefile needs beside the installation.

    `path` is absolute. The contents are `text`, or, where `source` is given, that file of the
    templates' folder with its placeholders replaced by `values`, quoted for `dialect`. Where it
    `yields`, a file that stackenv did not write keeps its place; where it is a `stand_in`, that is how it
    should be, and nothing to say. A `link` is what the link leads to that it replaces, and that is put back
    when it goes. `loss` says in a clause what goes wrong while a file of an environment is missing.
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
