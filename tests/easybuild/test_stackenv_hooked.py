"""What the hooks do to the modulefile of stackenv itself, and what they refuse."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from runner import IN_BASH, LMOD, EasyBuild
from test_stackenv_module import EASYCONFIG, MODULE, environ, offline, tree

from stackenv import __version__

__all__ = ["environ", "tree"]
ELSEWHERE = """\
personal:
  modules: ${HOME}/elsewhere
caches:
  pip:
    - {parent: "${HOME}", folder: .cache/elsewhere}
"""


def read(easybuild: EasyBuild) -> str:
    return (easybuild.modules / f"{MODULE}.lua").read_text()


@dataclass
class WithOwnModules(EasyBuild):
    """A tree that other tests use at the same time, with the test's own folder of modules."""

    own_modules: Path

    @property
    def modules(self) -> Path:
        return self.own_modules / "all"


@pytest.fixture
def kept(tree: EasyBuild, tmp_path: Path) -> WithOwnModules:
    shutil.copytree(tree.modules, tmp_path / "modules/all")
    return WithOwnModules(tree.version, tree.folder, tree.prefix, tmp_path / "modules")


def rebuild(easybuild: WithOwnModules, *arguments: str, check: bool = True, **settings: str):
    environ = {**offline(easybuild.prefix.parent / "source"), **settings}
    environ["EASYBUILD_INSTALLPATH_MODULES"] = str(easybuild.own_modules)
    return easybuild.run(str(EASYCONFIG), "--module-only", "--force", *arguments, check=check, **environ)


def test_the_module_names_the_site_configuration_in_use(tree) -> None:
    text = read(tree)
    assert text.count(f"stackenv {__version__} sha256:") == 1
    assert f'set_noted("STACKENV_SITE_CONFIG", "{tree.prefix.parent}/in-bash.yaml")' in text
    assert 'use_folder({ { variable = "HOME" }, "/modules" })' in text


@pytest.mark.any_value("tree")
def test_module_only_updates_the_module(kept, tmp_path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(IN_BASH + ELSEWHERE)
    done = rebuild(kept, STACKENV_SITE_CONFIG=str(site))
    assert "== stackenv: load test passed in bash" in done.stdout
    # pytest's folders can be read by one user only.
    assert f"users cannot read the site configuration {site}" in (done.stdout + done.stderr).replace(
        "\n", " "
    )
    text = read(kept)
    assert f'"STACKENV_SITE_CONFIG", "{site}"' in text and '"/elsewhere"' in text and "PIP_CACHE_DIR" in text
    assert text.count(f"stackenv {__version__} sha256:") == 1
    assert list((kept.prefix / "software/.stackenv-kept").glob("**/*.lua")) == []


@pytest.mark.any_value("tree")
def test_a_failed_load_test_keeps_the_old_module(kept, tmp_path) -> None:
    before = read(kept)
    (tmp_path / "stackenv.lua.j2").write_text(
        '{% extends "stackenv/stackenv.lua.j2" %}\n{% block site %}\nerror("of this site")\n{% endblock %}\n'
    )
    site = tmp_path / "site.yaml"
    site.write_text(IN_BASH.replace("conda:", f"conda:\n  templates: {tmp_path}"))
    done = rebuild(kept, check=False, STACKENV_SITE_CONFIG=str(site))
    assert done.returncode and "failed its load test" in done.stdout + done.stderr
    assert read(kept) == before


@pytest.mark.any_value("tree")
def test_tcl_module_syntax_is_refused(kept) -> None:
    before = read(kept)
    done = rebuild(kept, "--module-syntax=Tcl", check=False)
    assert done.returncode and "--module-syntax=Lua" in done.stdout + done.stderr
    assert read(kept) == before


@pytest.mark.any_value("easybuild")
def test_a_first_dry_run_shows_the_module_text_and_builds_nothing(easybuild) -> None:
    done = easybuild.run(str(EASYCONFIG), "-x", **offline(easybuild.prefix.parent))
    assert "use_folder(" in done.stdout
    assert not (easybuild.prefix / "software/stackenv").exists()


@pytest.mark.any_value("tree")
def test_a_users_own_site_configuration_wins(tree, environ) -> None:
    script = f'module() {{ eval "$({LMOD} bash "$@")"; }}; module load stackenv; echo "$STACKENV_SITE_CONFIG"'
    for own in ("", "/mine.yaml"):
        given = {**environ, **({"STACKENV_SITE_CONFIG": own} if own else {})}
        done = subprocess.run(
            ["bash", "--norc", "-c", script], env=given, capture_output=True, text=True, check=True
        )
        assert done.stdout == f"{own or tree.prefix.parent / 'in-bash.yaml'}\n"
