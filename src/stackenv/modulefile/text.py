"""Render a description as the text of a modulefile, or of a file that it needs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from stackenv import STACKENV_UUID, __version__
from stackenv.errors import StackenvError
from stackenv.modulefile import InstalledFile, ModuleSpec
from stackenv.modulefile.lua import list_calls, render_call
from stackenv.modulefile.lua_string import quote_lua
from stackenv.modulefile.templates import (
    fill_placeholders,
    open_templates,
    read_functions,
    read_source,
)

OURS_BEGINS = f"-- {STACKENV_UUID}"


def mark_as_ours(body: str, comments: Sequence[str] = ()) -> str:
    """Return `body` after a line that names stackenv as its author and holds the hash of the contents.

    Each of `comments` is one line; they follow that first line.
    """
    body = "".join(f"-- {comment}\n" for comment in comments) + body
    digest = hashlib.sha256(body.encode()).hexdigest()
    return f"{OURS_BEGINS} stackenv {__version__} sha256:{digest}\n{body}"


def is_as_written(text: str) -> bool:
    """Return whether `text`, of a modulefile, still matches the hash in its first line."""
    first, _, body = text.partition("\n")
    digest = hashlib.sha256(body.encode("utf-8", "surrogateescape")).hexdigest()
    return first.endswith(f" sha256:{digest}")


def render_module(spec: ModuleSpec, site_templates: Path | None = None) -> str:
    """Return the Lua text that `spec` describes; the same description always gives the same text.

    Raises
    ------
    StackenvError
        If a site's own template cannot be rendered; the message names the template.
    """
    templates = open_templates(site_templates)
    calls = {name: list_calls(operations) for name, operations in spec.blocks.items()}
    functions = read_functions({call[0] for block in calls.values() for call in block}, templates)
    facts = {name: quote_lua(fact) for name, fact in spec.facts.items()}
    try:
        blocks = {
            name: "\n".join(f"  {render_call(call, spec.facts, templates)}" for call in block)
            for name, block in calls.items()
        }
        body = templates.get_template(spec.template).render(
            **facts, **blocks, functions=functions, help_text=quote_lua(spec.help_text)
        )
    except Exception as error:  # a site's template can raise anything
        named = isinstance(error, StackenvError)
        raise StackenvError(
            str(error) if named else f"the template {spec.template} cannot be rendered: {error}",
            f"check conda.templates in the site configuration: {site_templates}",
        ) from error
    return mark_as_ours(re.sub(r"\n{3,}", "\n\n", body).lstrip("\n"), spec.comments)


def render_installed_file(file: InstalledFile, site_templates: Path | None = None) -> str:
    """Return the contents of `file`."""
    if not file.source:
        return file.text
    templates = open_templates(site_templates)
    text = read_source(templates, file.source)
    return fill_placeholders(text, file.values or {}, file.dialect, templates)
