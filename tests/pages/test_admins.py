"""The commands of docs/admins, run on a site with a real EasyBuild and a user of its stack.

The paths on the pages (PLACES) are replaced by paths in a folder of the test.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from built import CHECKOUT, LMOD, WORK, BuiltModules
from copied_installations import copy_bare_installation
from own_prefix import install_prefix
from pages import BLOCK, DOCS, Command, list_pages, read_commands, type_in
from stacked import open_stack
from users import User, make_user

from stackenv import __version__
from stackenv.configuration.loader import load_configuration

PLACES = ("/etc/stackenv", "/etc/easybuild", "/apps")
INIT = Path(LMOD).parents[1] / "init/bash"
PAGES = [page for page in list_pages() if page.startswith("admins/") and read_commands(page)]
YAML = [
    pytest.param(block["text"], id=f"{page.stem}-{number}")
    for page in sorted((DOCS / "admins").glob("*.md"))
    for number, block in enumerate(BLOCK.finditer(page.read_text(encoding="utf-8")))
    if block["kind"] == "yaml"
]


@dataclass(frozen=True)
class Site:
    """A site with a software tree that contains Anaconda3, and a user with the environment `biopy`."""

    folder: Path
    user: User

    def put(self, text: str) -> str:
        """Return `text` with the paths of PLACES moved into the folder of the test."""
        return re.sub(rf"(?<![\w/.}}-])(?={'|'.join(PLACES)})", str(self.folder), text)

    def run(self, script: str) -> str:
        binary = WORK / "eb5/bin"
        done = subprocess.run(
            ["bash", "--norc", "--noprofile", "-c", f'. "{INIT}"\nexec 2>&1\n{script}'],
            env={
                **self.user.environ,
                "PATH": f"{binary}:{WORK / 'venv/bin'}:/usr/bin:/bin",
                "EB_PYTHON": str(binary / "python"),
                "MODULEPATH": f"{self.folder}/apps/modules/all:{self.user.environ['MODULEPATH']}",
                "EASYBUILD_INSTALLPATH": str(self.folder / "apps"),
                "EASYBUILD_PREFIX": str(self.folder / "eb"),
                "EASYBUILD_SOURCEPATH": str(WORK / "distribution"),
                "EASYBUILD_ROBOT_PATHS": str(CHECKOUT / "tests/distribution/easyconfigs"),
                "EASYBUILD_ALLOW_USE_AS_ROOT_AND_ACCEPT_CONSEQUENCES": "1",
                "STACKENV_SITE_CONFIG": str(self.folder / "in-bash.yaml"),
            },
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        return done.stdout

    def type(self, commands: list[Command]) -> list[str]:
        """Run `commands` in one shell; return those whose result differs from the page."""
        put = [Command(self.put(command.typed), command.printed) for command in commands]
        return type_in(put, self.run)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, built_modules: BuiltModules) -> Iterator[Site]:
    """Return a site on which the commands of the page `install` were run; load tests use only bash."""
    folder = tmp_path_factory.mktemp("site")
    user = make_user(folder, open_stack("eb5-pythonpath"))
    made = user.stackenv("create", "biopy", load=[user.stack.bundle_module])
    assert made.returncode == 0, made.stderr
    (folder / "in-bash.yaml").write_text("version: 1\nconda:\n  load_test: {shells: [bash]}\n")
    (folder / "etc").mkdir(exist_ok=True)
    copy_bare_installation(Path(built_modules.software, built_modules.miniforge), folder / "apps/miniforge3")
    install_prefix(folder / "apps/stackenv" / __version__)
    site = Site(folder, user)
    assert "\n\n".join(site.type(read_commands("admins/install.md"))) == ""
    yield site
    # EasyBuild removes the write permission from what it installs.
    subprocess.run(["chmod", "-R", "u+w", folder], check=True)
    shutil.rmtree(folder)


@pytest.mark.parametrize("page", [page for page in PAGES if page != "admins/install.md"])
def test_commands_on_an_admin_page_do_what_the_page_says(site: Site, page: str) -> None:
    assert "\n\n".join(site.type(read_commands(page))) == ""


@pytest.mark.parametrize("text", YAML)
def test_a_site_configuration_on_an_admin_page_is_valid(text: str, tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(text)
    assert load_configuration(file)


def test_site_uninstall_is_refused_while_config_cfg_names_the_hooks(site: Site) -> None:
    """`unset EASYBUILD_HOOKS` is not enough where config.cfg names the hooks, as the page's commands show."""
    config = site.folder / "config.cfg"
    config.write_text(f"[config]\nhooks = {CHECKOUT}/hooks/stackenv_hooks.py\n")
    commands = read_commands("admins/uninstall.md")
    (last,) = (n for n, command in enumerate(commands) if "stackenv site uninstall" in command.typed)
    named = Command(f"export EASYBUILD_CONFIGFILES={config}", None)
    shown, refused = site.type([named, *commands[: last + 1]])
    assert "stackenv_hooks.py" in shown
    assert "still needs the files that stackenv's hooks wrote; nothing was changed" in refused
    (kept,) = (site.folder / "apps/software/Anaconda3").glob("*/libexec/stackenv/activation.py")
    assert kept.is_file()
