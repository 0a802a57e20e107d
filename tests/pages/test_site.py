"""The site that `sh docs/build.sh` builds from docs/; nothing in it may be loaded from elsewhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from built import CHECKOUT

# What a browser loads by itself; a link is followed only by the reader.
LOADED = re.compile(r"<(?:script|img|iframe|link)\b[^>]*\b(?:src|href)=\"((?:https?:)?//[^\"]+)\"")
IN_STYLE = re.compile(r"(?:url\(|@import )[\"']?((?:https?:)?//[^)\"']+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the site, which is built once; a broken link makes the build fail."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        ["sh", "docs/build.sh", str(folder)], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_is_built(site: Path) -> None:
    pages = [page.relative_to(CHECKOUT / "docs") for page in (CHECKOUT / "docs").rglob("*.md")]
    assert [page for page in pages if not (site / page).with_suffix(".html").is_file()] == []
    assert len(pages) > 10


def test_the_site_loads_nothing_from_the_network(site: Path) -> None:
    found = {url for page in site.rglob("*.html") for url in LOADED.findall(page.read_text(encoding="utf-8"))}
    found |= {url for css in site.rglob("*.css") for url in IN_STYLE.findall(css.read_text(encoding="utf-8"))}
    assert found == set()


def test_the_search_index_contains_a_command(site: Path) -> None:
    assert "stackenv create" in (site / "searchindex.js").read_text(encoding="utf-8").lower()


def test_a_broken_link_fails_the_build(tmp_path: Path) -> None:
    copy = tmp_path / "docs"
    subprocess.run(["cp", "-r", CHECKOUT / "docs", copy], check=True)
    # conf.py reads the version.
    (tmp_path / "src").symlink_to(CHECKOUT / "src")
    with (copy / "users/projects.md").open("a") as page:
        page.write("\n[gone](../reference/commands.md#stackenv-no-such)\n")
    sphinx = CHECKOUT / ".work/docs/bin/sphinx-build"
    words = [
        sphinx,
        "--quiet",
        "--fail-on-warning",
        "--keep-going",
        "--builder",
        "html",
        copy,
        tmp_path / "x",
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "stackenv-no-such" in done.stderr
