"""The pages for users, typed on a stack with a conda: each command prints what its page says."""

from __future__ import annotations

from pathlib import Path

import pytest
from built import BuiltModules
from pages import list_pages, read_commands, type_in
from stacked import open_stack
from users import make_user

# The page on projects has tests of its own, in tests/uv; its blocks are indented.
PAGES = [page for page in list_pages() if not page.startswith("admins/")]


@pytest.mark.parametrize("page", PAGES)
def test_a_transcript_is_what_is_printed(page: str, tmp_path: Path, built_modules: BuiltModules) -> None:
    user = make_user(tmp_path, open_stack("eb5-pythonpath"))
    modulepath = f"{user.environ['MODULEPATH']}:{built_modules.modulepath}"

    def run(script: str) -> str:
        return user.run(f"exec 2>&1\n{script}", MODULEPATH=modulepath).stdout

    assert "\n\n".join(type_in(read_commands(page), run)) == ""


def test_there_are_transcripts() -> None:
    assert {"index.md", "tutorial.md", "users/broken.md", "explanation/carrying.md"} <= {*PAGES}
