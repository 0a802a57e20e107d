"""conda's packages and environments are on different file systems: it copies instead of linking."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from stackenv.account.account import Account
from stackenv.account.conda_storage import find_device, list_chosen
from stackenv.account.variable_places import find_variable_places
from stackenv.health.finding import Finding


def find(account: Account) -> Iterator[Finding]:
    """Yield a finding when the folders that conda takes first for each are on two file systems."""
    environ, configuration = account.environ, account.configuration
    environments = next(iter(list_chosen("envs", environ, configuration)), None)
    packages = next(iter(list_chosen("pkgs", environ, configuration)), None)
    if not environments or not packages or find_device(environments[0]) == find_device(packages[0]):
        return
    named = {named: list(find_variable_places(named, account)) for _, named in (environments, packages)}
    where = "; ".join(f"{name} ({', '.join(found)})" if found else name for name, found in named.items())
    variable = packages[1] if packages[1].startswith("CONDA_") else environments[1]
    if variable.startswith("CONDA_"):
        hint = f"unset {variable}, and take it out of where it is set: the site's module then sets it right"
    else:
        folder = shlex.quote(str(environments[0].parent / "pkgs"))
        hint = f"have both on one file system, for example: export CONDA_PKGS_DIRS={folder}"
    yield Finding(
        "storage-split",
        "warning",
        f"conda keeps packages in {packages[0]}, environments in {environments[0]}: two file systems",
        where,
        "no hard links between the two: each environment is a full copy, in space, in files and in time",
        hint,
    )
