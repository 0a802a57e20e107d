"""The templates' folder, a site's own in front of it, and the placeholders of its shell files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Callable

import jinja2

from stackenv.errors import StackenvError
from stackenv.modulefile.dialect import quote_csh, quote_fish, quote_sh

SHIPPED = Path(__file__).parent.parent / "templates"
PLACEHOLDER = re.compile(r"__([A-Z]+(?:_[A-Z]+)*)__")
QUOTERS: Mapping[str, Callable[[str], str]] = {
    "sh": quote_sh,
    "csh": quote_csh,
    "fish": quote_fish,
    "python": repr,
}


def open_templates(site_folder: Path | None) -> jinja2.Environment:
    """Return the templates: those of `site_folder` first, the shipped ones behind and as stackenv/NAME."""
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
    """Return the text of the file `name` of the templates' folder, as it is."""
    assert templates.loader is not None
    return templates.loader.get_source(templates, name)[0]


def fill_placeholders(text: str, values: Mapping[str, str], dialect: str) -> str:
    """Return `text` with each `__NAME__` that `values` has replaced by its value, quoted for `dialect`.

    One pass: what a value holds is never taken for a placeholder.
    """
    quote = QUOTERS[dialect]

    def replace(match: re.Match[str]) -> str:
        name = match.group(1)
        return quote(values[name]) if name in values else match.group(0)

    return PLACEHOLDER.sub(replace, text)


def strip_comments(text: str) -> str:
    """Return `text` without its lines that are comments: what Lmod writes, each load carries."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.lstrip().startswith("#"))


def function_body(text: str, name: str) -> str:
    """Return the body of the sh function `name`, the only thing that `text` defines.

    Raises
    ------
    StackenvError
        When the text is not `NAME() {`, the body, and `}`.
    """
    lines = strip_comments(text).strip().splitlines()
    if len(lines) < 3 or lines[0] != f"{name}() {{" or lines[-1] != "}":
        raise StackenvError(
            f"the template shell/{name}.sh must define {name}() and nothing else",
            "look at the folder conda.templates of the site configuration",
        )
    return "\n".join(lines[1:-1])
