"""A stack was loaded into an active conda environment, and comes before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from stackenv.account.account import Account
from stackenv.environments.venv_module import FIRST_PTH
from stackenv.errors import quote_word
from stackenv.health.finding import Finding

VARIABLES = ("PYTHONPATH", "EBPYTHONPREFIXES")


def find(account: Account) -> Iterator[Finding]:
    """Yield a finding when what modules bring comes before the conda environment of this shell.

    What was loaded before the activation is hidden, and what is loaded later is hidden by the files of
    an environment that has a personal module (modulefiles/libexec/hide_modules.py has the same rule).
    """
    environ = account.environ
    prefix, root = environ.get("CONDA_PREFIX", ""), environ.get("STACKENV_CONDA_ROOT", "")
    # Another conda hides nothing, and a personal module's environment that has lost its files is told of.
    if not prefix or not root or prefix in (root, environ.get("STACKENV_CONDA_ENV")):
        return
    if not account.configuration.conda.hide_modules or hides_modules(Path(prefix)):
        return
    roots = [root for name, root in environ.items() if name.startswith("EBROOT") and root.strip("/")]
    roots += account.configuration.conda.module_roots
    entries = [entry for variable in VARIABLES for entry in environ.get(variable, "").split(":")]
    late = [e for e in entries if is_within(e, roots) and not is_within(e, [prefix])]
    if not late:
        return
    name = environ.get("CONDA_DEFAULT_ENV") or prefix
    yield Finding(
        "stack-over-conda",
        "warning",
        f"{name_module(late, environ)} was loaded after `conda activate {name}` and comes before the "
        "environment",
        f"environment variables {' and '.join(v for v in VARIABLES if environ.get(v))}",
        "Python imports the packages of the module, and pip takes them for installed",
        f"put the environment first: conda activate {quote_word(name)}; or give it a module, which is right "
        f"in every order: stackenv adopt {quote_word(prefix)}",
    )


def is_within(path: str, folders: Iterable[str]) -> bool:
    """Tell whether `path` is one of `folders` or below one."""
    return any(f"{path}/".startswith(f"{folder.rstrip('/')}/") for folder in folders)


def hides_modules(prefix: Path) -> bool:
    """Tell whether the Python of the conda environment at `prefix` hides modules at its start."""
    return any(prefix.glob(f"lib/python*/site-packages/{FIRST_PTH}"))


def name_module(entries: list[str], environ: Mapping[str, str]) -> str:
    """Return the loaded module that brought one of `entries`: the last, which was asked for; or an entry."""
    loaded = environ.get("LOADEDMODULES", "").split(":")
    named = [module for module in loaded if any(f"/{module}/" in f"{entry}/" for entry in entries)]
    return named[-1] if named else entries[0]
