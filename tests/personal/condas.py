"""A user of Anaconda3 with conda environments, some with personal modules and some without."""

from __future__ import annotations

from pathlib import Path

from built import SITE_CONFIGURATION, BuiltModules
from environments import make_environment
from stacked import Stack
from users import User, make_user

LIST = "STACKENV_TEST_LIST"
# Braces are doubled, because `format` inserts the entry.
ACTIVATE = {
    "sh": f'export {LIST}="{{0}}${{{{{LIST}:+:${LIST}}}}}"\n',
    "csh": f"if ( $?{LIST} ) then\n setenv {LIST} {{0}}:${LIST}:q\nelse\n setenv {LIST} {{0}}\nendif\n",
    "fish": f"set -q {LIST}; and set -gx {LIST} {{0}}:${LIST}; or set -gx {LIST} {{0}}\n",
}
WITHOUT = f"printenv {LIST} | sed 's|^{{0}}:*||'"
DEACTIVATE = {
    "sh": f'{LIST}=$({WITHOUT}); [ -n "${LIST}" ] || unset {LIST}\n',
    "csh": f'setenv {LIST} "`{WITHOUT}`"\nif ( "${LIST}" == "" ) unsetenv {LIST}\n',
    "fish": f'set -gx {LIST} ({WITHOUT}); test -n "${LIST}"; or set -e {LIST}\n',
}
CONDA = "Anaconda3/2024.02-1"


def make_conda_user(folder: Path, stack: Stack, built: BuiltModules) -> User:
    """Return a user with conda environments: one and two have modules, other and third have none.

    The environments are stand-ins whose python prints the name of its environment. activate.d of one and two
    sets a variable and puts a folder at the front of a list; deactivate.d of two does not remove it again.
    """
    user = make_user(folder, stack)
    configuration = folder / "site.yaml"
    configuration.write_text(SITE_CONFIGURATION)
    user.environ.update(MODULEPATH=built.modulepath, STACKENV_SITE_CONFIG=str(configuration))
    environments = user.home / "conda/envs"
    for name in ("one", "two", "other", "third"):
        make_environment(environments / name, f"STACKENV_TEST_{name.upper()}")
    for name, folder, scripts in (
        ("one", "activate.d", ACTIVATE),
        ("one", "deactivate.d", DEACTIVATE),
        ("two", "activate.d", ACTIVATE),
    ):
        for shell, text in scripts.items():
            script = environments / name / "etc/conda" / folder / f"list.{shell}"
            script.write_text(text.format(environments / name / "lib"))
    for name in ("one", "two"):
        adopted = user.stackenv("adopt", name)
        assert adopted.returncode == 0, adopted.stderr
    return user
