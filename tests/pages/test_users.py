"""The commands of the pages for users, run on a site with a stack, a conda and the module `stackenv`."""

from __future__ import annotations

from pathlib import Path

import pytest
from built import CHANNEL, WORK, BuiltModules
from own_prefix import install_thin_module
from pages import list_pages, read_commands, type_in
from stacked import open_stack
from users import make_user

# The blocks of the page on projects are indented; tests/uv runs them.
PAGES = ["../README.md", *(page for page in list_pages() if not page.startswith("admins/"))]
CHANNELS = ("conda-forge", "bioconda")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the module `stackenv` in `modules`, conda's `channels`, and uv in `bin`."""
    folder = tmp_path_factory.mktemp("site")
    install_thin_module(folder)
    (folder / "bin").mkdir()
    (folder / "bin/uv").symlink_to(WORK / "venv/bin/uv")
    (folder / "channels").mkdir()
    for name in CHANNELS:
        (folder / "channels" / name).symlink_to(CHANNEL.removeprefix("file://"))
    return folder


@pytest.mark.parametrize("page", PAGES)
def test_a_transcript_matches_what_the_commands_print(
    page: str, tmp_path: Path, built_modules: BuiltModules, site: Path
) -> None:
    """Conda asks no questions and uses folders as channels; only the module makes `stackenv` available."""
    user = make_user(tmp_path, open_stack("eb5-pythonpath"))
    del user.environ["STACKENV_SITE_CONFIG"]
    changes = {
        "PATH": f"/usr/bin:/bin:{site}/bin",
        "MODULEPATH": f"{user.environ['MODULEPATH']}:{built_modules.modulepath}:{site}/modules",
        "CONDA_ALWAYS_YES": "true",
        "CONDA_CHANNEL_ALIAS": f"file://{site}/channels",
    }

    def run(script: str) -> str:
        return user.run(f"exec 2>&1\n{script}", **changes).stdout

    assert "\n\n".join(type_in(read_commands(page), run)) == ""


def test_the_main_pages_have_transcripts() -> None:
    assert {"index.md", "tutorial.md", "users/broken.md", "explanation/carrying.md"} <= {*PAGES}
