"""The adapter between EasyBuild's hooks and stackenv, for EasyBuild 4.9 and 5.

It raises nothing but `EasyBuildError`, because any other exception ends `eb` with a traceback. The modulefile
that a build replaces is first copied aside, and restored if the build does not finish: EasyBuild deletes it
early, so it is already gone when a hook fails at the final write.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Callable, TypeVar

from easybuild.tools.build_log import EasyBuildError, print_msg, print_warning
from easybuild.tools.config import build_option, get_module_syntax, install_path
from easybuild.tools.hooks import load_hooks
from easybuild.tools.version import VERSION as EASYBUILD_VERSION
from packaging.version import Version

from stackenv.conda.install import opened_for_writing
from stackenv.conda.module import LIBEXEC
from stackenv.configuration.loader import load_configuration
from stackenv.configuration.settings import SiteConfiguration
from stackenv.configuration.site_file import find_configuration_file
from stackenv.errors import StackenvError
from stackenv.modulefile.text import OURS_BEGINS
from stackenv.site.kept_modulefiles import KeptModulefiles
from stackenv.site.render import HOOKS
from stackenv.site.software import STACKENV, Software, describe_software, find_software

# The last lines of a site's own file of hooks.
COMBINE = "    from stackenv.hooks.stackenv_hooks import combine_with\n    combine_with(globals())"
Function = TypeVar("Function", bound=Callable[..., Any])


class Session:
    """What one run of `eb` keeps between its hooks: the configuration, and the modulefiles copied aside."""

    def __init__(self) -> None:
        self.configuration: SiteConfiguration | None = None
        self.kept: KeptModulefiles | None = None
        self.lost_hooks: list[str] | None = None


session = Session()


def as_easybuild_error(function: Function) -> Function:
    """Turn every error of `function` into an EasyBuildError whose text includes the hint."""

    @functools.wraps(function)
    def guarded(*args: Any) -> Any:
        try:
            return function(*args)
        except EasyBuildError:
            raise
        except StackenvError as error:
            # EasyBuild 4 shows only the first 300 characters of an error; the rest is in its log.
            if Version(str(EASYBUILD_VERSION)) < Version("5"):
                print_msg("stackenv: %s", error, prefix=False, stderr=True)
            raise EasyBuildError("stackenv: %s", error) from error
        except Exception as error:
            raise EasyBuildError(
                "stackenv: %s failed: %s: %s", function.__name__, type(error).__name__, error
            ) from error

    return guarded  # type: ignore[return-value]


def configuration() -> SiteConfiguration:
    """Return the site configuration, which is read at the first call."""
    if session.configuration is None:
        session.configuration = load_configuration(find_configuration_file(os.environ))
    return session.configuration


def is_ours(name: str) -> bool:
    """Return whether the hooks complete the modulefile of `name`: stackenv's, or that of a conda."""
    return name == STACKENV or name in configuration().conda.names


def refuse_tcl(name: str) -> None:
    """Raise EasyBuildError if EasyBuild would write modulefiles in Tcl."""
    if get_module_syntax() != "Lua":
        raise EasyBuildError(
            "stackenv: the modulefile of %s requires Lua, but EasyBuild is set to write %s; "
            "build it with --module-syntax=Lua (EASYBUILD_MODULE_SYNTAX=Lua)",
            name,
            get_module_syntax(),
        )


def kept() -> KeptModulefiles:
    """Return the modulefiles copied aside, in a folder of the software tree that is never on MODULEPATH."""
    if session.kept is None:
        session.kept = KeptModulefiles(Path(install_path(), ".stackenv-kept"))
    return session.kept


@as_easybuild_error
def require_all_hooks(names: Iterable[str]) -> None:
    """Raise EasyBuildError if EasyBuild calls other hooks instead of some of stackenv's.

    Each of stackenv's hooks that is called checks this, so that no build runs with only some of them.
    EasyBuild caches the hooks that it has collected from a file by its path, and `load_hooks` returns exactly
    those.

    Parameters
    ----------
    names
        The names of stackenv's hooks; functions that call them have the attribute `calls_stackenv`.
    """
    path = build_option("hooks")
    if session.lost_hooks is None:
        collected = load_hooks(path)
        session.lost_hooks = sorted(n for n in names if not hasattr(collected.get(n), "calls_stackenv"))
    if session.lost_hooks:
        raise StackenvError(
            f"{path} defines hooks that replace stackenv's, which would then not be called: "
            f"{', '.join(session.lost_hooks)}",
            f"end the file with these lines:\n{COMBINE}",
        )


@as_easybuild_error
def load_site_configuration() -> None:
    """Load the configuration (start_hook), so that an invalid one stops EasyBuild before any build."""
    warn_of_replaced_hooks()
    configuration()


def warn_of_replaced_hooks() -> None:
    """Warn if --hooks, with stackenv's own file, replaces the site's file that EASYBUILD_HOOKS names.

    A file named in a config.cfg is not detected, because EasyBuild keeps only the value that takes
    precedence.
    """
    configured, used = os.environ.get("EASYBUILD_HOOKS"), str(build_option("hooks"))
    if configured and Path(used).resolve() == HOOKS.resolve() != Path(configured).resolve():
        print_warning(
            "stackenv: the hooks in %s (EASYBUILD_HOOKS) are not called, because --hooks replaces them; to "
            "use both, omit --hooks and end that file with these lines:\n%s",
            configured,
            COMBINE,
        )


@as_easybuild_error
def prepare_loop(easyconfigs: list[dict[str, Any]]) -> None:
    """Refuse Tcl before anything is built, and repair what a killed run left behind."""
    ours = [item["ec"] for item in easyconfigs if is_ours(item["ec"].name)]
    for ec in ours:
        refuse_tcl(ec.name)
    for path in kept().restore_leftovers({ec.full_mod_name for ec in ours}) if ours else ():
        print_warning("stackenv: an earlier eb was killed; restored the old modulefile %s", path)


@as_easybuild_error
def begin_build(block: Any) -> None:
    """Copy aside the modulefile that this build will replace; earlier builds are complete."""
    kept().forget()
    if is_ours(block.name):
        kept().keep(Path(block.mod_filepath), block.full_mod_name, Path(block.installdir))


@as_easybuild_error
def finish_loop(results: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Delete the copies if all builds succeeded; restore those of failed builds (--keep-going)."""
    failed = any(result.get("success") is False for _, result in results)
    if failed:
        restore_modulefiles()
    else:
        kept().forget()


@as_easybuild_error
def restore_modulefiles() -> None:
    """Restore the modulefile of a build that did not finish, and say so."""
    if session.kept is None:
        return
    for restored in session.kept.restore():
        print_msg("stackenv: restored the old modulefile: %s", restored.path, prefix=False)
        if not restored.has_installation:
            print_warning(
                "stackenv: %s points to %s, which this build has already removed; "
                "build it again, or hide the module until then",
                restored.path,
                restored.installdir,
            )


def find_built(block: Any) -> Software:
    """Return the software that `block` builds; in a dry run it need not exist yet."""
    find = describe_software if block.dry_run else find_software
    return find(block.name, block.short_mod_name, block.installdir, configuration())


@as_easybuild_error
def complete_installation(block: Any) -> None:
    """Write the files that the modulefile depends on into the installation (pre_module_hook)."""
    if not is_ours(block.name) or block.dry_run:
        return
    software = find_built(block)
    for warning in software.check():
        print_warning("stackenv: %s", warning, log=block.log)
    with opened_for_writing(Path(software.root)):
        for warnings in (software.stage(Path(software.root, LIBEXEC)), software.install_outside()):
            for warning in warnings:
                print_warning("stackenv: %s", warning, log=block.log)
        for done in software.settle(emptying=True):
            report(block, done)


def report(block: Any, what: str) -> None:
    """Print on the terminal and in EasyBuild's log what was done for `block`; best in 80 columns."""
    print_msg("stackenv: %s", what, log=block.log, silent=block.silent)


@as_easybuild_error
def complete_module_text(block: Any, filepath: str, text: str) -> str | None:
    """Return the modulefile's text with stackenv's part after EasyBuild's; None for other software.

    The text of the final write is first loaded in real shells.
    """
    if not is_ours(block.name) or filepath.endswith("-easybuild-devel"):
        return None
    refuse_tcl(block.name)
    software = find_built(block)
    # Built from an archived easyconfig, EasyBuild's text may already contain stackenv's part.
    completed = text.split(OURS_BEGINS, 1)[0].rstrip("\n") + "\n\n" + software.render()
    if filepath == block.mod_filepath and not block.dry_run:
        tested = software.test(completed)
        for warning in tested.warnings:
            print_warning("stackenv: %s", warning, log=block.log)
        report(block, str(tested))
    return completed
