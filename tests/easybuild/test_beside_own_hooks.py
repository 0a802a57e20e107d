"""A site's hooks with stackenv's, in the one file that EasyBuild takes, as docs/admins/own-hooks.md shows."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
from answering import answer
from runner import CHECKOUT, FAILING_HOOKS, HOOKS
from test_hook import OTHER

from stackenv import __version__

MODULE = "Anaconda3/2024.02-1"
OLD = "-- the modulefile of an earlier build\n"
# What sites do in hooks: they write notes, change other software's easyconfigs, and add to modulefiles.
OWN = """\
import os
from easybuild.tools.build_log import EasyBuildError

def note(word):
    with open(os.environ["NOTES"], "a") as stream:
        stream.write(word + "\\n")

def parse_hook(ec, *args, **kwargs):
    note("parse " + ec.name)

def start_hook(*args, **kwargs):
    note("start")

def pre_ready_hook(self, *args, **kwargs):
    note("pre_ready")

def pre_module_hook(self, *args, **kwargs):
    note("pre_module, installation completed: %s" % os.path.exists(self.installdir + "/libexec/stackenv"))

def module_write_hook(self, filepath, module_txt, *args, **kwargs):
    note("module_write, text completed: %s" % ("stackenv" in module_txt))
    return module_txt + os.environ.get("ADDED", 'setenv("OF_THE_SITE", "1")\\n')

def end_hook(*args, **kwargs):
    note("end")
"""


def last_lines() -> str:
    """Return the lines of the page that belong at the end of the site's file."""
    (lines,) = re.findall(r"(?s)```python\n(.+?)```", (CHECKOUT / "docs/admins/own-hooks.md").read_text())
    return "\n" + lines


@pytest.fixture
def own(tmp_path) -> Path:
    """The site's hooks file, as the page shows it."""
    hooks = tmp_path / "hooks.py"
    hooks.write_text(OWN + last_lines())
    return hooks


@pytest.fixture
def module(built) -> Path:
    """The production modulefile, restored afterwards."""
    path = built.modules / f"{MODULE}.lua"
    text = path.read_bytes()
    yield path
    path.write_bytes(text)


def configure(way: str, hooks: Path, folder: Path) -> dict[str, str]:
    """Return variables that configure the hooks permanently, in one of the two ways of EasyBuild."""
    if way == "variable":
        return {"EASYBUILD_HOOKS": str(hooks), "NOTES": str(folder / "notes")}
    (folder / "config.cfg").write_text(f"[config]\nhooks = {hooks}\n")
    return {"EASYBUILD_CONFIGFILES": str(folder / "config.cfg"), "NOTES": str(folder / "notes")}


@pytest.mark.each_pair("built", "way")
@pytest.mark.parametrize("way", ["variable", "file"])
def test_hooks_of_the_site_and_of_stackenv_are_both_called(built, module, own, tmp_path, way) -> None:
    ours = "-- " + module.read_text().partition("\n-- ")[2].partition("sha256")[2]
    built.build("--module-only", "--force", hooks=None, **configure(way, own, tmp_path))
    written = module.read_text()
    assert written.count('setenv("OF_THE_SITE", "1")') == 1
    # The part of stackenv comes last, unchanged.
    assert written.endswith(ours.partition("\n")[2]) and written.count(f"stackenv {__version__} sha256:") == 1
    notes = (tmp_path / "notes").read_text().splitlines()
    assert list(dict.fromkeys(notes)) == [
        *("start", "parse Anaconda3", "pre_ready", "pre_module, installation completed: True"),
        *("module_write, text completed: False", "end"),
    ]


@pytest.mark.each_value("easybuild")
def test_site_hooks_replaced_by_the_hooks_option_are_reported(easybuild, own) -> None:
    replaced = easybuild.build("--dry-run", EASYBUILD_HOOKS=str(own))
    words = f"the hooks in {own} (EASYBUILD_HOOKS) are not called, because --hooks replaces them"
    assert words in replaced.stdout + replaced.stderr
    same = easybuild.build("--dry-run", EASYBUILD_HOOKS=str(HOOKS))
    assert "are not called" not in same.stdout + same.stderr


@pytest.mark.each_value("easybuild")
def test_the_sites_pre_module_hook_runs_before_that_of_stackenv(easybuild, own, tmp_path) -> None:
    easybuild.build(hooks=own, NOTES=str(tmp_path / "notes"))
    assert "pre_module, installation completed: False" in (tmp_path / "notes").read_text().splitlines()
    assert (easybuild.prefix / f"software/{MODULE}/libexec/stackenv").is_dir()


def test_text_added_by_the_sites_hook_is_load_tested(built, module, own, tmp_path) -> None:
    module.write_text(OLD)
    added = 'if mode() == "load" then setenv("LEFT", "1") end\n'
    environ = {"NOTES": str(tmp_path / "notes"), "ADDED": added}
    done = built.build("--module-only", "--force", hooks=own, check=False, **environ)
    words = done.stdout + done.stderr
    assert done.returncode != 0
    assert "failed its load test" in words and "LEFT" in words
    assert module.read_text() == OLD


@pytest.mark.any_value("easybuild")
def test_other_software_gets_only_the_text_of_the_sites_hook(easybuild, own, tmp_path) -> None:
    easyconfig = tmp_path / "other-1.0.eb"
    easyconfig.write_text(OTHER)
    easybuild.run(str(easyconfig), hooks=own, NOTES=str(tmp_path / "notes"))
    written = (easybuild.modules / "other/1.0.lua").read_text()
    assert written.count('setenv("OF_THE_SITE", "1")') == 1
    assert "stackenv" not in written


@pytest.mark.any_value("built")
def test_a_site_hook_that_returns_no_text_leaves_the_module_unchanged(built, module, tmp_path) -> None:
    before = module.read_bytes()
    hooks = tmp_path / "hooks.py"
    hooks.write_text("def module_write_hook(*args, **kwargs):\n    pass\n" + last_lines())
    built.build("--module-only", "--force", hooks=hooks)
    assert module.read_bytes() == before


def test_the_old_modulefile_is_restored_even_if_the_sites_fail_hook_fails(built, module) -> None:
    module.write_text(OLD)
    done = built.build("--rebuild", hooks=FAILING_HOOKS, check=False, FAIL_IN="pre_module,fail")
    assert done.returncode != 0
    assert module.read_text() == OLD


IN_ITS_PLACE = {
    "the lines come first": (
        "{lines}{own}",
        "module_write_hook, pre_module_hook, pre_ready_hook, start_hook",
    ),
    "one definition comes behind them": ("{lines}def fail_hook(*args): pass\n", "fail_hook"),
    "import * and one of its own": (
        "from stackenv.hooks.stackenv_hooks import *\ndef module_write_hook(*args): pass\n",
        "module_write_hook",
    ),
}


@pytest.mark.each_value("easybuild", "mistake")
@pytest.mark.parametrize("mistake", list(IN_ITS_PLACE))
def test_a_hooks_file_that_overrides_hooks_of_stackenv_stops_eb(easybuild, tmp_path, mistake) -> None:
    text, lost = IN_ITS_PLACE[mistake]
    hooks, easyconfig = tmp_path / "hooks.py", tmp_path / "other-1.0.eb"
    hooks.write_text(text.format(lines=last_lines(), own=OWN))
    easyconfig.write_text(OTHER)
    done = easybuild.run(str(easyconfig), hooks=hooks, check=False, NOTES=str(tmp_path / "notes"))
    words = done.stdout + done.stderr
    assert done.returncode != 0
    assert f"{hooks} defines hooks that replace stackenv's" in words
    assert f"which would then not be called: {lost}\n" in words
    # The message shows every line to type, also in EasyBuild 4, which cuts an error after 300 characters.
    assert all(line in words for line in last_lines().split("\n"))
    assert "Traceback" not in words
    assert not (easybuild.modules / "other").exists()


@pytest.mark.each_value("easybuild")
def test_a_python_without_stackenv_stops_eb_and_names_file_and_package(easybuild, tmp_path) -> None:
    # The tests' eb has stackenv installed; with this, an import fails as if it had not.
    missing = "import sys\nsys.modules['stackenv'] = None\n"
    hooks = tmp_path / "hooks.py"
    hooks.write_text(missing + OWN + last_lines())
    done = easybuild.build(hooks=hooks, check=False, NOTES=str(tmp_path / "notes"))
    words = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0
    assert f"Failed to import hooks implementation from {hooks}" in words and "stackenv" in words
    assert not (easybuild.prefix / "software").exists()


def test_site_hooks_points_to_its_help_on_a_terminal(tmp_path) -> None:
    stackenv = str(Path(sys.executable).with_name("stackenv"))
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    status, shown = answer([stackenv, "site", "hooks"], environ, tmp_path, "")
    assert status == 0 and shown.splitlines()[1].endswith("stackenv site hooks --help")
    status, shown = answer([stackenv, "site", "hooks", "--help"], environ, tmp_path, "")
    assert status == 0 and all(line in shown for line in last_lines().split("\n"))
