"""The default name for the module of an existing environment."""

from __future__ import annotations

import re
import shlex
import unicodedata
from pathlib import Path

from stackenv.environments.store import check_name
from stackenv.errors import UsageError

# Usual names of the folder in each project (venv, virtualenv, Poetry, uv, conda); people add a version.
USUAL_FOLDER = re.compile(
    r"(v?envs?|environments?|virtualenvs?|conda([-_]envs?)?|pixi|tox|nox)([-._\d]|py(thon)?)*", re.IGNORECASE
)
# Folders of environments with names that users chose: `conda create --name`, virtualenvwrapper.
COLLECTION = re.compile(r"\.?(v|virtual)?envs")
# Folders in which tools keep several environments of one project: .tox/py311, .nox/tests, .pixi/envs/test.
SEVERAL = re.compile(r".*/(\.tox|\.nox|\.pixi/envs)/[^/]+", re.DOTALL)
# An installation is recognised by its files or, if it has none of conda's, by its name.
INSTALLATION = re.compile(r"(mini|ana)(conda|forge)\d*|mambaforge\d*|micromamba", re.IGNORECASE)
LONGEST_NAME = 100


def suggest_name(prefix: Path, home: Path) -> str:
    """Return the name of the environment's folder, or of the project around it, as a valid module name.

    The folder in a project is usually called `.venv` or the like, which says nothing and can be used only
    once. If a tool keeps several environments in one project, both names are combined.

    Raises
    ------
    UsageError
        If neither the folder nor a project around it has a usable name.
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
    """Return a module name from the name of `folder`; empty if that would say nothing."""
    name = make_valid(folder.name)
    named = COLLECTION.fullmatch(folder.parent.name) or not USUAL_FOLDER.fullmatch(name)
    return name if named else ""


def is_no_project(folder: Path, home: Path) -> bool:
    """Return whether `folder` contains many projects: a home, an installation, the top of a file system."""
    if folder == home or folder.name in ("", home.name) or folder.parent == Path("/"):
        return True
    installed = any((folder / name).is_dir() for name in ("conda-meta", "condabin"))
    return installed or bool(INSTALLATION.fullmatch(folder.name)) or folder.is_mount()


def make_valid(text: str) -> str:
    """Return `text` without the characters that a module name cannot have; empty if nothing is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9_.+-]+", "-", plain.removesuffix(".lua")).strip("-_.+")[:LONGEST_NAME]
    try:
        return check_name(name)
    except UsageError:
        return ""
