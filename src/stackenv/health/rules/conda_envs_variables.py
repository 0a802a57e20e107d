"""Two variables name conda's folders of environments: conda then refuses everything."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from stackenv.account.account import Account
from stackenv.account.variable_places import find_variable_places
from stackenv.health.finding import Finding

KEPT, REFUSED = "CONDA_ENVS_PATH", "CONDA_ENVS_DIRS"


def find(account: Account) -> Iterator[Finding]:
    """Yield a finding when CONDA_ENVS_PATH and CONDA_ENVS_DIRS are both set."""
    environ = account.environ
    if KEPT not in environ or REFUSED not in environ:
        return
    places = {name: list(find_variable_places(name, account)) for name in (KEPT, REFUSED)}
    folders = [f for f in environ[REFUSED].split(":") if f and f not in environ[KEPT].split(":")]
    now = f"unset {REFUSED}"
    if folders:
        now += f"; export {KEPT}=${KEPT}:{shlex.quote(':'.join(folders))}"
    for_good = f"; for good, take it out of {places[REFUSED][0]}" if places[REFUSED] else ""
    told = "; ".join(f"{name}: {', '.join(found)}" for name, found in places.items() if found)
    yield Finding(
        "conda-envs-variables",
        "broken",
        f"{KEPT} and {REFUSED} are both set, which conda does not allow",
        told or f"environment variables {KEPT} and {REFUSED}",
        "every command of conda fails with MultipleKeysError, `conda activate` too",
        now + for_good,
        breaks="conda",
    )
