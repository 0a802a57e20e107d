"""What can be wrong: one fault a file, one row a rule.

A rule is a module with the function `find`, which takes what is looked at and yields the findings:
`CheckedEnvironment` for the rules of an environment, `Account` for those of the account. It reads, and
changes nothing. What it cannot find out it raises as StackenvError or OSError: it is told as `unchecked`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from stackenv.errors import StackenvError, explain
from stackenv.health.finding import Finding

# In the order in which they are told: what stands first is often the cause of what follows.
ENVIRONMENT_RULES = {
    "environment-gone": "stackenv.health.rules.environment_gone",
    "modules-gone": "stackenv.health.rules.modules_gone",
    "python-changed": "stackenv.health.rules.python",
    "own-files": "stackenv.health.rules.own_files",
    "platform": "stackenv.health.rules.platform_changed",
    "open-to-others": "stackenv.health.rules.permissions",
    "missing-files": "stackenv.health.rules.packages",
    "extensions": "stackenv.health.rules.extensions",
    "numpy-bounds": "stackenv.health.rules.numpy_bounds",
    "inconsistent": "stackenv.health.rules.inconsistent",
    "shadows": "stackenv.health.rules.optimised_packages",
    "generic-packages": "stackenv.health.rules.generic_packages",
    "stale": "stackenv.health.rules.managed_files",
    "modulefile-changed": "stackenv.health.rules.modulefile_changed",
    "purged-storage": "stackenv.health.rules.purged_storage",
}
ACCOUNT_RULES = {
    "conda-init": "stackenv.health.rules.start_files",
    "condarc": "stackenv.health.rules.condarc",
    "condarc-policy": "stackenv.health.rules.conda_configuration",
    "conda-envs-variables": "stackenv.health.rules.conda_envs_variables",
    "conda-at-login": "stackenv.health.rules.conda_at_login",
    "stack-over-conda": "stackenv.health.rules.stack_over_conda",
    "modules-at-login": "stackenv.health.rules.modules",
    "rc-variables": "stackenv.health.rules.rc_variables",
    "pip-user": "stackenv.health.rules.pip_user",
    "user-site": "stackenv.health.rules.user_site",
    "storage-split": "stackenv.health.rules.storage_split",
    "storage-purged": "stackenv.health.rules.storage_purged",
    "kernels": "stackenv.health.rules.kernels",
    "lmod-cache": "stackenv.health.rules.lmod_cache",
    "quota": "stackenv.health.rules.storage",
}
# Whose findings break conda in each environment.
CONDA_RULES = {name: ACCOUNT_RULES[name] for name in ("condarc", "conda-envs-variables")}


def apply_rules(rules: Mapping[str, str], subject: Any, every: bool = False) -> Iterator[Finding]:
    """Yield what `rules`, a table of this module, find in `subject`.

    Rules that would find the effects of what is found before are asked only for `every` fault.
    """
    hidden: set[str] = set()
    for name, place in rules.items():
        if name in hidden and not every:
            continue
        try:
            for finding in importlib.import_module(place).find(subject):
                hidden.update(finding.hides)
                yield finding
        except Exception as error:
            # What others have written may be odd in ways that nobody has thought of: one rule fails, not all.
            yield describe_unchecked(name, error)


def describe_unchecked(rule: str, error: Exception) -> Finding:
    """Return the finding that nobody could look."""
    where = str(getattr(error, "filename", None) or "")
    hint = error.hint if isinstance(error, StackenvError) else ""
    return Finding(
        rule,
        "unchecked",
        f"this could not be checked: {describe_error(error)}",
        where,
        "what is wrong there, if anything, is not told",
        hint or "correct that and check again",
    )


def describe_error(error: Exception) -> str:
    """Return what `error` says, with its kind where it was written for nobody."""
    if isinstance(error, StackenvError):
        return error.message
    return explain(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
