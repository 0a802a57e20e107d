"""The templates of Lua and shell code, with placeholders; a site's own templates replace the shipped ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from textwrap import indent
from typing import Callable

import jinja2

from stackenv.errors import StackenvError
from stackenv.modulefile.dialect import check_name, quote_csh, quote_fish, quote_sh
from stackenv.modulefile.spec import SHIPPED, Name, Source, Value

PLACEHOLDER = re.compile(r"__([A-Z]+(?:_[A-Z]+)*)__")
QUOTERS: Mapping[str, Callable[[str], str]] = {
    **dict.fromkeys(("sh", "bash", "zsh"), quote_sh),
    "csh": quote_csh,
    "fish": quote_fish,
    "python": repr,
}
# A comment in the file's own language that includes another file, so that shared code is written only once.
INCLUDE = re.compile(r"^( *)# include ((?:shell|libexec)/\S+)\n", re.MULTILINE)
WORD = re.compile(r"\w+")


def open_templates(site_folder: Path | None) -> jinja2.Environment:
    """Return the templates: first those of `site_folder`, then the shipped ones, also named stackenv/NAME."""
    shipped = jinja2.FileSystemLoader(str(SHIPPED), followlinks=True)
    own = [jinja2.FileSystemLoader(str(site_folder))] if site_folder else []
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader([*own, jinja2.PrefixLoader({"stackenv": shipped}), shipped]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )


def read_source(templates: jinja2.Environment, name: str) -> str:
    """Return the text of the file `name` of the templates' folder, with the files that it includes."""
    assert templates.loader is not None
    text = templates.loader.get_source(templates, name)[0]
    return INCLUDE.sub(lambda found: indent(read_source(templates, found[2]), found[1]), text)


def fill_placeholders(
    text: str, values: Mapping[str, Value], dialect: str, templates: jinja2.Environment | None = None
) -> str:
    """Return `text` with each `__NAME__` in `values` replaced by its value, quoted for `dialect`.

    There is only one pass, so text in a value is never taken for a placeholder. Only a `Source` needs the
    `templates`.
    """
    quote = QUOTERS[dialect]

    def replace(match: re.Match[str]) -> str:
        value = values.get(match.group(1))
        if value is None:
            return match.group(0)
        if isinstance(value, Name):
            return check_name(value)
        if isinstance(value, Source):
            assert templates is not None
            value = render_source(value, templates)
        return quote(value)

    return PLACEHOLDER.sub(replace, text)


def strip_comments(text: str, mark: str = "#") -> str:
    """Return `text` without its comment lines."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.lstrip().startswith(mark))


def render_source(source: Source, templates: jinja2.Environment) -> str:
    """Return the code of `source`; for csh as one line, because Lmod cannot make csh run more than that.

    Raises
    ------
    StackenvError
        If `source` `defines` a function, but its code is not exactly one definition of that function.
    """
    code = strip_comments(read_source(templates, source.name)).strip()
    if source.defines and not re.fullmatch(rf"{source.defines}\(\) \{{\n.*\n\}}", code, re.DOTALL):
        raise StackenvError(f"the template {source.name} must define {source.defines}() and nothing else")
    if source.dialect == "csh":
        code = "; ".join(line.strip() for line in code.splitlines())
    return fill_placeholders(code, source.values, source.dialect, templates)


@cache
def list_own_functions() -> frozenset[str]:
    """Return the names of the functions that modulefiles may call besides Lmod's; each is a file of lua/."""
    return frozenset(path.stem for path in SHIPPED.glob("lua/*.lua"))


def read_functions(names: Iterable[str], templates: jinja2.Environment) -> dict[str, str]:
    """Return the code of those of `names` that are our own functions, and of all functions that they call."""
    found: dict[str, str] = {}
    wanted = list_own_functions().intersection(names)
    while wanted:
        texts = {name: read_source(templates, f"lua/{name}.lua") for name in wanted}
        found.update({name: strip_comments(text, "--").strip() for name, text in texts.items()})
        words = set(WORD.findall(" ".join(found.values())))
        wanted = (list_own_functions() & words) - found.keys()
    return dict(sorted(found.items()))
