"""What `stackenv check` looks for: a file of rules for each subject, a row for each rule.

A rule is a function that takes a `CheckedEnvironment` (rules for environments) or an `Account` (rules for the
account) and yields findings. It changes nothing. If it cannot find something out, it raises StackenvError or
OSError, which `apply_rules` reports as `unchecked`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Callable, TypeVar

from stackenv.account.account import Account
from stackenv.errors import StackenvError, explain
from stackenv.health.checked_environment import CheckedEnvironment
from stackenv.health.finding import Finding
from stackenv.health.rules import (
    carrying,
    conda_configuration,
    kernels,
    managed_files,
    modules,
    optimised_packages,
    packages,
    permissions,
    projects,
    python,
    start_files,
    storage,
    stubs,
    user_site,
)

EnvironmentRule = Callable[[CheckedEnvironment], Iterator[Finding]]
AccountRule = Callable[[Account], Iterator[Finding]]
Subject = TypeVar("Subject")

# In the order in which findings are reported: the first are often the cause of the others.
ENVIRONMENT_RULES: Mapping[str, EnvironmentRule] = {
    "environment-gone": managed_files.find_environment_gone,
    "modules-gone": modules.find_modules_gone,
    "other-tree": modules.find_other_tree,
    "python-changed": python.find_python_changed,
    "managed-files": managed_files.find_managed_files,
    "platform": python.find_platform,
    "open-to-others": permissions.find_open_to_others,
    "missing-files": packages.find_missing_files,
    "extensions": packages.find_extensions,
    "numpy-bounds": packages.find_numpy_bounds,
    "inconsistent": packages.find_inconsistent,
    "stubs": stubs.find_stubs,
    "shadows": optimised_packages.find_shadows,
    "generic-packages": optimised_packages.find_generic_packages,
    "stale": managed_files.find_stale,
    "modulefile-changed": managed_files.find_modulefile_changed,
    "carrying": carrying.find_carrying,
    "purged-storage": storage.find_purged_storage,
}
ACCOUNT_RULES: Mapping[str, AccountRule] = {
    "conda-init": start_files.find_conda_init,
    "condarc": conda_configuration.find_condarc,
    "condarc-policy": conda_configuration.find_condarc_policy,
    "conda-envs-variables": conda_configuration.find_conda_envs_variables,
    "conda-at-login": start_files.find_conda_at_login,
    "stack-over-conda": modules.find_stack_over_conda,
    "modules-at-login": modules.find_modules_at_login,
    "rc-variables": start_files.find_rc_variables,
    "pip-user": user_site.find_pip_user,
    "user-site": user_site.find_user_site,
    "project-environment": projects.find_project_environment,
    "storage-split": storage.find_storage_split,
    "storage-purged": storage.find_storage_purged,
    "open-caches": permissions.find_open_caches,
    "kernels": kernels.find_kernels,
    "lmod-cache": modules.find_lmod_cache,
    "quota": storage.find_quota,
}
# The rules whose findings break conda in every environment.
CONDA_RULES = {name: ACCOUNT_RULES[name] for name in ("condarc", "conda-envs-variables")}


def apply_rules(
    rules: Mapping[str, Callable[[Subject], Iterator[Finding]]], subject: Subject, every: bool = False
) -> Iterator[Finding]:
    """Yield the findings of `rules`, one of the tables above, about `subject`.

    Rules that would only find the effects of earlier findings are skipped unless `every` is true.
    """
    hidden: set[str] = set()
    for name, rule in rules.items():
        if name in hidden and not every:
            continue
        try:
            for finding in rule(subject):
                hidden.update(finding.hides)
                yield finding
        except Exception as error:
            # Files from elsewhere can be malformed in unforeseen ways: then one rule fails, not all of them.
            yield describe_unchecked(name, error)


def describe_unchecked(rule: str, error: Exception) -> Finding:
    """Return the finding that the check `rule` could not run."""
    where = str(getattr(error, "filename", None) or "")
    hint = error.hint if isinstance(error, StackenvError) else ""
    return Finding(
        rule,
        "unchecked",
        f"this check could not run: {describe_error(error)}",
        where,
        "the check was skipped, so a problem there would not be reported",
        hint or "fix that, then run: stackenv check",
    )


def describe_error(error: Exception) -> str:
    """Return the text of `error`, with its type if its text was not written for users."""
    if isinstance(error, StackenvError):
        return error.message
    return explain(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
