"""How the module of an environment that exists already is called, where nobody says it."""

from __future__ import annotations

import re
import shlex
import unicodedata
from pathlib import Path

from stackenv.environments.store import check_name
from stackenv.errors import UsageError

# How venv, virtualenv, Poetry, uv and conda call the folder in each project; people add a version.
USUAL_FOLDER = re.compile(
    r"(v?envs?|environments?|virtualenvs?|conda([-_]envs?)?|pixi|tox|nox)([-._\d]|py(thon)?)*", re.IGNORECASE
)
# What has environments by the names that their users chose: `conda create --name`, virtualenvwrapper.
COLLECTION = re.compile(r"\.?(v|virtual)?envs")
# Where tools have several environments of one project: .tox/py311, .nox/tests, .pixi/envs/test.
SEVERAL = re.compile(r".*/(\.tox|\.nox|\.pixi/envs)/[^/]+", re.DOTALL)
# An installation is known by its files, and where it has none of conda's, by its name.
INSTALLATION = re.compile(r"(mini|ana)(conda|forge)\d*|mambaforge\d*|micromamba", re.IGNORECASE)
LONGEST_NAME = 100


def suggest_name(prefix: Path, home: Path) -> str:
    """Return the name of the environment's folder, or of the project's around it, as a module can have it.

    In each project the folder is called `.venv` or the like: a name that says nothing, and no second module
    could have it. Where a tool has several environments in one project, the name has both.

    Raises
    ------
    UsageError
        When neither the folder nor a project around it has a name that can be used.
    """
    own = "" if prefix == home else choose_name(prefix)
    if own and not SEVERAL.fullmatch(str(prefix)):
        return own
    for folder in prefix.parents:
        if is_no_project(folder, home):
            break
        project = choose_name(folder)
        if project:
            return make_valid(f"{project}-{own}") if own else project
    raise UsageError(
        f"no module name can be derived from {prefix}: neither the folder nor any folder above it is "
        "named after a project; nothing was changed",
        f"stackenv adopt {shlex.quote(str(prefix))} NAME",
    )


def choose_name(folder: Path) -> str:
    """Return how a module can be called after `folder`; empty when that would say nothing."""
    name = make_valid(folder.name)
    named = COLLECTION.fullmatch(folder.parent.name) or not USUAL_FOLDER.fullmatch(name)
    return name if named else ""


def is_no_project(folder: Path, home: Path) -> bool:
    """Return whether `folder` has many projects in it: a home, an installation, the top of a file system."""
    if folder == home or folder.name in ("", home.name) or folder.parent == Path("/"):
        return True
    installed = any((folder / name).is_dir() for name in ("conda-meta", "condabin"))
    return installed or bool(INSTALLATION.fullmatch(folder.name)) or folder.is_mount()


def make_valid(text: str) -> str:
    """Return `text` as far as a module can be called so; empty when nothing is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9_.+-]+", "-", plain.removesuffix(".lua")).strip("-_.+")[:LONGEST_NAME]
    try:
        return check_name(name)
    except UsageError:
        return ""
