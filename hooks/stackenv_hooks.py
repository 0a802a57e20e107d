"""The hooks that EasyBuild calls: `eb --hooks=$(stackenv site hooks) Anaconda3-2024.02-1.eb`.

Each hook delegates to `stackenv.site.easybuild`. EasyBuild collects every callable here whose name ends in
_hook, so nothing else may have such a name. The package must be importable by the Python that runs `eb`; in a
checkout or an installed package, it is found relative to this file.

EasyBuild accepts only one file of hooks. A site that has its own ends its file with

    from stackenv.hooks.stackenv_hooks import combine_with
    combine_with(globals())
"""

import functools
import sys
from pathlib import Path

from easybuild.tools import hooks as easybuild_hooks
from easybuild.tools.build_log import EasyBuildError

adapter, missing = None, ""
try:
    if sys.version_info < (3, 9):  # noqa: UP036 (it is the Python of `eb`)
        # RHEL 8 has Python 3.6, in which the import would end eb with a SyntaxError.
        missing = "it is Python {}.{}, and the hooks require 3.9 or later".format(*sys.version_info)
    else:
        from stackenv.site import easybuild as adapter
except ImportError:
    here = Path(__file__).resolve().parent
    # In a checkout, src/ is beside hooks/; an installed stackenv/hooks/ is inside the package.
    sys.path.append(str(here.parent / "src" if (here.parent / "src").is_dir() else here.parents[1]))
    try:
        from stackenv.site import easybuild as adapter
    except ImportError as error:
        missing = f"{error}. Install stackenv there: {sys.executable} -m pip install stackenv"


def call(name, *args):
    """Return the result of the adapter's function `name`, if EasyBuild calls all of these hooks."""
    if adapter is None:
        raise EasyBuildError("the stackenv hooks cannot run under %s: %s", sys.executable, missing)
    # Modulefiles are restored in any case.
    if name != "restore_modulefiles":
        adapter.require_all_hooks(HOOKS)
    return getattr(adapter, name)(*args)


def restore_modulefiles():
    """Restore the old modulefile, unless these hooks could not be loaded and so nothing was changed."""
    if adapter is not None:
        call("restore_modulefiles")


def combine_with(own):
    """Add these hooks to a site's own; call this in the last line of the site's file.

    EasyBuild then calls both hooks of the same name. stackenv's runs first, so that it runs whatever the
    site's does. Before the modulefile is written the site's runs first, because stackenv's hook completes the
    installation and the text as it finds them, and tests the text that will be written.

    Parameters
    ----------
    own
        The globals() of the site's file.
    """
    for name, hook in HOOKS.items():
        other = own.get(name)
        if not callable(other):
            own[name] = hook
        elif not hasattr(other, "calls_stackenv"):
            own[name] = chain(other, hook)


def chain(own, hook):
    """Return a hook that calls the site's hook `own` and stackenv's `hook` of the same name."""

    @functools.wraps(own)
    def both(*args, **kwargs):
        first, last = (own, hook) if hook is pre_module_hook else (hook, own)
        first(*args, **kwargs)
        last(*args, **kwargs)

    @functools.wraps(own)
    def written(block, filepath, module_txt, *args, **kwargs):
        text = own(block, filepath, module_txt, *args, **kwargs)
        completed = hook(block, filepath, module_txt if text is None else text, *args, **kwargs)
        return text if completed is None else completed

    chained = written if hook is module_write_hook else both
    chained.calls_stackenv = True
    return chained


def start_hook(*args, **kwargs):
    """Load the site configuration, so that an invalid one stops EasyBuild before it builds anything."""
    call("load_site_configuration")


def pre_build_and_install_loop_hook(easyconfigs, *args, **kwargs):
    """Refuse Tcl, and repair what a killed run left behind."""
    call("prepare_loop", easyconfigs)


def post_build_and_install_loop_hook(results, *args, **kwargs):
    """Delete the copies, because the new modulefiles are complete."""
    call("finish_loop", results)


def pre_ready_hook(block, *args, **kwargs):
    """Copy aside the modulefile that this build will replace."""
    call("begin_build", block)


def pre_module_hook(block, *args, **kwargs):
    """Write what the modulefile needs into the installation, before the modulefile itself."""
    call("complete_installation", block)


def module_write_hook(block, filepath, module_txt, *args, **kwargs):
    """Return the modulefile's text with stackenv's part; the final text is first loaded in real shells."""
    return call("complete_module_text", block, filepath, module_txt)


def fail_hook(*args, **kwargs):
    """Restore the old modulefile."""
    restore_modulefiles()


def cancel_hook(*args, **kwargs):
    """Restore the old modulefile."""
    restore_modulefiles()


if "crash_hook" in easybuild_hooks.KNOWN_HOOKS:

    def crash_hook(*args, **kwargs):
        """Restore the old modulefile (EasyBuild 5)."""
        restore_modulefiles()


HOOKS = {name: value for name, value in globals().items() if name.endswith("_hook")}
for each in HOOKS.values():
    # Lets the adapter notice if EasyBuild calls another function instead.
    each.calls_stackenv = True
