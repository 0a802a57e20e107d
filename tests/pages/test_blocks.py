"""Each code block of a page is run by a test, only shows text, or says why it is not run."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from pages import BLOCK, DOCS, TYPED, list_job_scripts

PAGES = ["../README.md", *(str(page.relative_to(DOCS)) for page in sorted(DOCS.rglob("*.md")))]
# Text that is read by programs and not typed; test_admins.py checks YAML, and tests/slurm the job scripts.
SHOWN = ("json", "lua", "python", "text", "yaml")
SCRIPTS = {script.text for script in list_job_scripts()}
# The folders that docs/admins/user-pages.md tells a site to copy.
COPIED = ("users/", "explanation/", "reference/")
DIRECTIVE = re.compile(r"(?ms)^```\{\w+\}$.*?^```$")
INDENTED = re.compile(r"(?m)(?:\A|\n\n) {4}(?=[a-z])")
# Pages with indented blocks: tests/uv runs those of projects.md; the others are generated from the sources.
INDENTING = ("users/projects.md", *(f"reference/{name}.md" for name in ("commands", "configuration", "json")))


@pytest.mark.parametrize("page", PAGES)
def test_every_command_block_is_run_or_says_why_not(page: str) -> None:
    text = DIRECTIVE.sub("", (DOCS / page).read_text(encoding="utf-8"))
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) == len(re.findall(r"(?m)^ *```\w", text))
    assert [
        block["text"]
        for block in blocks
        if block["kind"] not in (*TYPED, *SHOWN) and not block["reason"] and block["text"] not in SCRIPTS
    ] == []
    assert page in INDENTING or not INDENTED.search(text)


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("users/")])
def test_a_user_page_is_plain_markdown(page: str) -> None:
    """A site may publish these pages with a tool that does not support the directives of MyST."""
    text = (DOCS / page).read_text(encoding="utf-8")
    assert re.findall(r"(?m)^ *(?:```|:::)\{.*|\{\w+\}`.*", text) == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith(COPIED)])
def test_links_on_copied_pages_lead_to_copied_pages(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link]
    targets = [Path(os.path.normpath(Path(page).parent / link)) for link in links]
    assert [target for target in targets if f"{target.parts[0]}/" not in COPIED] == []
