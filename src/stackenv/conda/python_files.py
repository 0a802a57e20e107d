"""Files that the Python of a conda installation, or of an environment, reads at its start."""

from __future__ import annotations

from collections.abc import Sequence

from stackenv import STACKENV_UUID

# pip reads this as the file of this very Python, after /etc/pip.conf and the user's own.
NOT_GUARDED = f"""\
# {STACKENV_UUID}
# To pip, a conda environment is not a virtual environment: a guard in /etc/pip.conf would stop it here too.
[global]
require-virtualenv = false
"""


def describe_hiding(site_roots: Sequence[str], hidden: bool) -> dict[str, str]:
    """Return the values of the placeholders in hide_modules.py."""
    return {"SITE_ROOTS": ":".join(site_roots), "HIDDEN": "yes" if hidden else "no"}
