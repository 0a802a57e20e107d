"""The base modules of an environment: which of the loaded ones count, their Python and their packages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from stackenv.environments.context import Context
from stackenv.environments.names import ACTIVE_ENVIRONMENT
from stackenv.environments.platform import probe_platform
from stackenv.environments.python import probe_python
from stackenv.environments.store import COMMAND_MODULE, ModuleStore, StoredModule, read_former_record
from stackenv.errors import ModuleError, StackenvError, UsageError
from stackenv.lmod.bindings import Lmod
from stackenv.lmod.module_table import LoadedModule, read_loaded_modules
from stackenv.lmod.versions import software_of
from stackenv.output import print_message
from stackenv.record import Package, Python, Record, read_command_words

# The modules that contain numpy in EasyBuild, at the Alliance, and in Spack.
WITH_NUMPY = ("SciPy-bundle", "scipy-stack", "py-numpy")
OS_FOLDERS = ("/usr/bin", "/bin", "/usr/local/bin", "/usr/libexec")
# Packages that build other packages are never constrained: pip before 25.3 applies the constraints to the
# isolated build of an sdist, too, which may need newer versions.
BUILD_BACKENDS = frozenset(
    """
    build calver cmake cython editables expandvars flit flit-core flit-scm hatch-fancy-pypi-readme
    hatch-requirements-txt hatch-vcs hatchling installer jupyter-packaging maturin meson meson-python
    mesonpep517 ninja pbr pdm-backend pdm-pep517 pip pkgconfig poetry-core poetry-dynamic-versioning
    py-build-cmake pybind11 pyproject-hooks pyproject-metadata scikit-build scikit-build-core
    semantic-version setuptools setuptools-rust setuptools-scm sip uv uv-build versioneer versioningit
    wheel whey
    """.split()  # noqa: SIM905 (forty names read better as words)
)


@dataclass(frozen=True)
class Stack:
    """Loaded modules, with their Python and its packages.

    Parameters
    ----------
    modules
        The full names of the requested modules, in the order of loading.
    loaded
        The full names of all modules that Lmod loaded for them.
    environ
        The environment variables after the load.
    modulepath
        MODULEPATH before the load.
    python
        The Python of the modules, or that of the operating system if it was requested; None without one.
    packages
        The packages that this Python finds in the modules, with the names in their metadata.
    can_make_venv, can_copy_pip, has_pip
        Whether this Python has the standard modules venv and ensurepip, and finds pip in the modules.
    before
        The environment variables before the load.
    """

    modules: tuple[str, ...]
    loaded: tuple[str, ...]
    environ: Mapping[str, str]
    modulepath: str
    python: Python | None
    packages: tuple[Package, ...]
    can_make_venv: bool
    can_copy_pip: bool
    has_pip: bool
    before: Mapping[str, str] = field(default_factory=dict)

    def module_of(self, package: Package) -> str:
        """Return the full name of the module that contains `package`, or `the base Python`."""
        return find_module(package.location, self.loaded, self.environ) or "the base Python"

    def pinned(self, allow_shadow: Sequence[str], sees_base: bool = True) -> tuple[tuple[str, str, str], ...]:
        """Return the packages of the stack that the constraints pin: name, version and module.

        Left out are packages that build others, invalid versions and 0.0.0 (the version of an unfinished
        setup.py), the names in `allow_shadow`, and, unless the environment `sees_base`, the packages in
        the base Python's own folders.
        """
        free = BUILD_BACKENDS | {canonicalize_name(name) for name in allow_shadow}
        return tuple(
            (p.name, p.version, self.module_of(p))
            for p in self.packages
            if canonicalize_name(p.name) not in free
            and is_real_version(p.version)
            and (sees_base or not self.is_base(p))
        )

    def list_missing(self, names: Sequence[str], sees_base: bool) -> tuple[str, ...]:
        """Return those of the packages `names` that an environment does not find in the stack.

        Unless it `sees_base`, it does not find the packages in the base Python's own folders.
        """
        found = {canonicalize_name(p.name) for p in self.packages if sees_base or not self.is_base(p)}
        return tuple(name for name in names if canonicalize_name(name) not in found)

    @property
    def is_on_os_python(self) -> bool:
        """Return whether its Python is the operating system's."""
        return self.python is not None and is_of_os(self.python.executable)

    def is_base(self, package: Package) -> bool:
        """Return whether `package` is installed in the folder of the Python itself."""
        prefix = Path(self.python.real).parents[1] if self.python else None
        return prefix is not None and Path(package.location).is_relative_to(prefix)


def is_of_os(executable: str) -> bool:
    """Return whether the Python at the real path `executable` is the operating system's."""
    return os.path.dirname(executable) in OS_FOLDERS  # noqa: PTH120 (a string in, a string out)


def describe_origin(stack: Stack, context: Context) -> dict[str, Any]:
    """Return the fields of a record that say where, how and on which modules the environment was created."""
    return {
        "module_folder": str(context.store.root),
        "modules": stack.modules,
        "stack": stack.loaded,
        "modulepath": stack.modulepath,
        "platform": probe_platform(),
        "made_by": read_command_words(),
    }


def is_real_version(text: str) -> bool:
    """Return whether `text` is a valid version (PEP 440) other than 0.0.0."""
    try:
        return Version(text) != Version("0.0.0")
    except InvalidVersion:
        return False


def find_module(path: str, loaded: Sequence[str], environ: Mapping[str, str]) -> str:
    """Return the loaded module whose installation contains `path`; empty if none is found.

    It is found by EasyBuild's EBROOT variables, or else by NAME/VERSION in the path.
    """
    for name in loaded:
        software = "".join(
            c for c in software_of(name).upper().replace("+", "PLUS").replace("-", "MIN") if c.isalnum()
        )
        root = environ.get(f"EBROOT{software}")
        if root and f"{path}/".startswith(f"{Path(root).resolve()}/"):
            return name
    return next((name for name in loaded if f"/{name}/" in f"{path}/"), "")


def load_stack(lmod: Lmod, modules: Sequence[str], with_python: bool = True) -> Stack:
    """Load `modules` into an environment without other modules; return them as a stack.

    Without `with_python`, their Python and its packages are not determined.

    Raises
    ------
    ModuleError
        If one of them cannot be loaded; the message contains Lmod's output.
    StackenvError
        If their Python does not run.
    """
    clean = lmod.purged()
    after = clean.load(*modules).environ if modules else clean.environ
    loaded = Lmod(clean.command, after, clean.timeout_s).read_loaded()
    names = tuple(module.full_name for module in loaded)
    asked = tuple(m.full_name for m in loaded if m.asked_for) if modules else ()
    executable = find_module_python(clean.environ, after) if with_python else ""
    modulepath = clean.environ.get("MODULEPATH", "")
    if not executable:
        return Stack(asked, names, after, modulepath, None, (), False, False, False, clean.environ)
    probed = probe_python(executable, after)
    program = name_executable(executable, probed.executable)
    python = Python(probed.version, program, find_module(probed.executable, names, after))
    return Stack(
        *(asked, names, after, modulepath, python, probed.packages),
        *(probed.has_venv, probed.has_ensurepip, probed.has_pip, clean.environ),
    )


def load_named(lmod: Lmod, modules: Sequence[str], with_python: bool = True) -> Stack:
    """Return the stack of the modules that a user named, as `load_stack` does.

    In a hierarchy, the modules that they require are loaded first; if there are several possibilities, those
    that are loaded now.

    Raises
    ------
    ModuleError
        If one of them cannot be loaded, or it is not clear which modules it requires.
    UsageError
        If one of them is the module of an environment.
    """
    try:
        stack = load_stack(lmod, modules, with_python)
    except ModuleError:
        led = lmod.purged().add_required_modules(modules, [module.full_name for module in lmod.read_loaded()])
        if led == list(modules):
            raise
        print_message(f"{', '.join(modules)} requires other modules; loaded: {', '.join(led)}")
        stack = load_stack(lmod, led, with_python)
    return require_no_personal(stack)


def name_executable(found: str, real: str) -> str:
    """Return the path with which a venv links to the Python `found` on PATH; `real` is its real path.

    The folder stays as the module names it: a site may have one path that leads to a different software tree
    on each type of CPU, and the real path would be valid only for the type of this node.
    """
    named = os.path.join(os.path.dirname(found), os.path.basename(real))  # noqa: PTH118, PTH119, PTH120 (texts)
    return named if os.path.isabs(named) and os.path.realpath(named) == real else real  # noqa: PTH117


def find_module_python(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Return the python that a load put first on PATH; empty if it was first before."""
    for name in ("python3", "python"):
        new, old = (shutil.which(name, path=environ.get("PATH")) for environ in (after, before))
        if new and (not old or Path(new).resolve() != Path(old).resolve()):
            return new
    return ""


def choose_base(modules: Sequence[str], version: str, os_python: bool, context: Context) -> Stack:
    """Return the stack for a new venv: that of `modules`, or of the loaded ones, with its Python.

    Parameters
    ----------
    version
        The beginning of the required Python version; empty for any version.
    os_python
        Whether to use the operating system's Python.

    Raises
    ------
    UsageError
        If one of the modules is the module of an environment.
    StackenvError
        If there is no suitable Python.
    """
    lmod = Lmod.find(context.environ)
    stack = load_named(lmod, modules or list_loaded(lmod))
    if os_python:
        stack = choose_os_python(stack)
    elif version and (not stack.python or not fits(stack.python.version, version)):
        raise refuse_version(stack, version, lmod)
    python = require_python(stack, lmod)
    if not fits(python.version, version):
        raise StackenvError(
            f"Python {version} was requested, but {python.executable} is {python.version}",
            "leave out --python or --os-python",
        )
    if not stack.can_make_venv:
        raise StackenvError(
            f"{python.executable} has no standard module `venv`",
            "load another Python module",
        )
    return stack


def choose_os_python(stack: Stack) -> Stack:
    """Return `stack` with the operating system's Python.

    Raises
    ------
    StackenvError
        If the modules provide another Python, or the operating system's cannot create a venv.
    """
    if stack.python:
        raise StackenvError(
            f"--os-python cannot be combined with {', '.join(stack.modules)}, which provides Python "
            f"{stack.python.version}: packages for one break the other",
            "leave out --os-python, or run `module purge` and then the same command",
        )
    based = with_os_python(stack)
    assert based.python is not None
    print_message(
        f"using the operating system's Python {based.python.version}, {based.python.executable}, "
        "without the optimised packages"
    )
    return based


def refuse_version(stack: Stack, version: str, lmod: Lmod) -> StackenvError:
    """Return the error for modules without Python `version`; its hint names modules that have it."""
    offered = [typed for typed in list_offers(lmod, "Python") if fits(typed.rpartition("/")[2], version)]
    have = f"the modules provide Python {stack.python.version}" if stack.python else "no Python is loaded"
    return StackenvError(
        f"Python {version} was requested, but {have}",
        f"modules that match: {', '.join(offered)}; run: module load {offered[-1]}"
        if offered
        else "no Python module matches; conda has other versions: the same command with --conda",
    )


def fits(version: str, wanted: str) -> bool:
    """Return whether `version` begins with the numbers of `wanted`."""
    return not wanted or f"{version}.".replace("-", ".").startswith(f"{wanted}.")


def require_python(stack: Stack, lmod: Lmod) -> Python:
    """Return the Python of the modules.

    Raises
    ------
    StackenvError
        If the modules provide none; the hint names modules that do.
    """
    if stack.python:
        return stack.python
    bundles, found = list_offers(lmod, *WITH_NUMPY), list_offers(lmod, "Python")
    what = (
        f"the modules {', '.join(stack.modules)} provide no Python"
        if stack.modules
        else "no module is loaded"
    )
    # Most users need numpy sooner or later, and should use the site's, not one from a package index.
    with_numpy = [f"modules with Python and numpy here: {', '.join(bundles)}"] if bundles else []
    alone = [f"Python modules here: {', '.join(found)}"] if found else []
    best = [*found, *bundles][-1:]
    typed = [f"run: module load {name}; then the same command" for name in best]
    hint = "; ".join([*with_numpy, *alone, *typed]) or "module spider Python"
    raise StackenvError(
        f"{what}, and the operating system's Python is not used by default: it is old and lacks the "
        "optimised packages",
        f"{hint}; for a conda environment: --conda; to use the operating system's Python anyway: --os-python",
    )


def list_offers(lmod: Lmod, *names: str) -> list[str]:
    """Return what to load for the modules called `names`: their full names, sorted by version.

    If none of them can be loaded directly, each is preceded by the modules that it requires in a hierarchy.
    """
    offered = [module for module in lmod.available(*names) if software_of(module) in names]
    with suppress(ModuleError):
        return offered or [" ".join(way) for name in names for way in lmod.ways_to(name)]
    return offered


def with_os_python(stack: Stack) -> Stack:
    """Return `stack`, which provides no Python, with that of the operating system.

    The operating system's packages do not belong to the stack, and are not pinned.

    Raises
    ------
    StackenvError
        If there is none, or it cannot create a venv with pip.
    """
    executable = shutil.which("python3", path="/usr/bin:/bin")
    if not executable:
        raise StackenvError("the operating system has no /usr/bin/python3", "load a Python module")
    probed = probe_python(executable, {**stack.environ, "PYTHONPATH": ""})
    if not (probed.has_venv and probed.has_ensurepip):
        raise StackenvError(
            f"{executable} cannot create a venv with pip: it lacks the standard module venv or ensurepip",
            "load a Python module",
        )
    return replace(
        stack,
        python=Python(probed.version, probed.executable),
        can_make_venv=probed.has_venv,
        can_copy_pip=probed.has_ensurepip,
        has_pip=probed.has_pip,
    )


def read_personal(module: LoadedModule) -> StoredModule | None:
    """Return `module` as a personal module, in any folder of modules; None if it is not one."""
    path = Path(module.path)
    return ModuleStore(path.parent.parent).read(path) if path.is_absolute() else None


def is_personal(module: LoadedModule, environ: Mapping[str, str]) -> bool:
    """Return whether `module`, which is loaded in `environ`, is the module of an environment."""
    return module.full_name == environ.get(ACTIVE_ENVIRONMENT) or read_personal(module) is not None


def read_loaded_record(module: LoadedModule, environ: Mapping[str, str]) -> Record | None:
    """Return the record of the personal module `module`, even if its modulefile is gone."""
    stored = read_personal(module)
    prefixes = [stored.prefix] if stored else [environ.get(v, "") for v in ("VIRTUAL_ENV", "CONDA_PREFIX")]
    for prefix in filter(None, prefixes):
        record = read_former_record(Path(prefix))
        if record and record.full_name == module.full_name:
            return record
    return None


def is_own(module: LoadedModule) -> bool:
    """Return whether `module` is stackenv's own module, which never belongs to a stack."""
    return software_of(module.full_name) == COMMAND_MODULE


def find_own_module(environ: Mapping[str, str]) -> LoadedModule | None:
    """Return stackenv's own module if it is loaded in `environ`, otherwise None."""
    return next((module for module in read_loaded_modules(environ) if is_own(module)), None)


def list_loaded(lmod: Lmod) -> tuple[str, ...]:
    """Return those modules that the user has loaded on which an environment can be based.

    The module of an environment is replaced by its base modules, because only one environment is loaded at
    a time.
    """
    names: list[str] = []
    for module in lmod.read_loaded():
        if not module.asked_for or is_own(module):
            continue
        if not is_personal(module, lmod.environ):
            names.append(module.full_name)
            continue
        record = read_loaded_record(module, lmod.environ)
        names += record.modules if record else ()
        taken = (
            f"its recorded base modules are used ({', '.join(record.modules) or 'none'})" if record else ""
        )
        print_message(
            f"{module.full_name}, which is loaded, is the module of an environment: "
            f"{taken or 'it is ignored, because its record cannot be read'}"
        )
    return tuple(dict.fromkeys(names))


def require_module_names(modules: Sequence[str], hint: str) -> None:
    """Raise StackenvError with `hint` if one of `modules`, which others may have written, is not a name."""
    if any(not module or module[0] in "/-." or ".." in module for module in modules):
        raise StackenvError(
            f"{', '.join(modules)}: a module can only be loaded by its name in MODULEPATH; nothing "
            "was changed",
            hint,
        )


def require_no_personal(stack: Stack) -> Stack:
    """Return `stack`.

    Raises
    ------
    UsageError
        If it contains the module of an environment.
    """
    for module in read_loaded_modules(stack.environ):
        if is_personal(module, stack.environ):
            record = read_loaded_record(module, stack.environ)
            base = " ".join(f"-m {name}" for name in record.modules) if record else ""
            raise UsageError(
                f"{module.full_name} is the module of an environment, and no other environment can be "
                "based on it: only one is loaded at a time; nothing was changed",
                f"name its base modules: {base}" if base else "name a module of the site",
            )
    return stack
