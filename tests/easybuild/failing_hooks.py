"""A site's own hooks, which fail, together with stackenv's: EasyBuild loads this file.

FAIL_IN names a hook, such as pre_fetch, in which the build fails. With CRASH, eb itself ends there; with BUG,
the error is not one of EasyBuild's. With REPORT, the path of a folder, FAIL_IN names several hooks, separated
by commas: at each of them, the running eb forks, the child fails, and the build goes on undisturbed. What a
child printed, and what it left of the modulefile MODULE, is then in the folder.
"""

import faulthandler
import json
import os
import shutil
import sys
from pathlib import Path

from easybuild.tools.build_log import EasyBuildError
from easybuild.tools.config import install_path

from stackenv.hooks.stackenv_hooks import combine_with


def fail(name):
    """End the build in the requested way."""
    if os.environ.get("CRASH"):
        os._exit(9)
    if os.environ.get("BUG"):
        raise RuntimeError("a bug in " + name)
    raise EasyBuildError("the test fails in %s", name)


def list_changed():
    """Return the folders in which a failing build restores what it has changed."""
    software = Path(install_path())
    return [Path(install_path("mod")), software / ".stackenv-kept", software / ".locks"]


def fail_in_child(name, report):
    """Fail in a fork of this process; record what it printed and left; restore what it changed."""
    changed = list_changed()
    aside = report / "aside"
    for number, folder in enumerate(changed):
        if folder.exists():
            shutil.copytree(folder, aside / str(number), symlinks=True)
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if not child:
        words = os.open(report / f"{name}.words", os.O_WRONLY | os.O_CREAT, 0o644)
        os.dup2(words, 1)
        os.dup2(words, 2)
        # A child that hangs ends with a traceback, so that one test fails and not the build of all tests.
        faulthandler.dump_traceback_later(60, exit=True)
        fail(name)
    status = os.waitpid(child, 0)[1]
    module = Path(os.environ["MODULE"])
    left = {
        "status": status,
        "modulefile": module.read_text() if module.exists() else None,
        "kept": changed[1].exists(),
    }
    (report / f"{name}.json").write_text(json.dumps(left))
    for number, folder in enumerate(changed):
        shutil.rmtree(folder, ignore_errors=True)
        if (aside / str(number)).exists():
            shutil.move(aside / str(number), folder)


def failing(name):
    def hook(*args, **kwargs):
        if "REPORT" in os.environ:
            fail_in_child(name, Path(os.environ["REPORT"]))
        else:
            fail(name)

    return hook


for name in filter(None, os.environ.get("FAIL_IN", "").split(",")):
    globals()[name + "_hook"] = failing(name)

combine_with(globals())
