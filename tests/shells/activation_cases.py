"""The questions of most users, by name. conda and stackenv both answer them; none is handed over to conda."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from activation_world import Case

ENVIRONMENTS = "@HOME@/conda/envs"
STATE = f"{ENVIRONMENTS}/one/conda-meta/state"
OF_PACKAGES = f"{ENVIRONMENTS}/one/etc/conda/env_vars.d"
NO_PROMPT = "changeps1: false\n"
# A ~/.condarc after a year of use: conda's documentation shows each of these keys.
EVERYDAY_CONDARC = """\
# my channels
channels:
  - conda-forge
  - bioconda   # for samtools
  - https://packages.example.org/channel

channel_priority: strict
auto_activate_base: false
show_channel_urls: true
pkgs_dirs:
  - ~/scratch/pkgs
create_default_packages:
- pip
- ipykernel
ssl_verify: true
changeps1: False
"""


def ask(command: str | tuple[str, ...], *before: str, **more: Any) -> Case:
    """Return the case of `command` after the commands `before`; a text is split at spaces, a tuple is not."""
    words = command if isinstance(command, tuple) else tuple(command.split())
    return Case(words, before=tuple(tuple(line.split()) for line in before), **more)


def state(variables: Mapping[str, Any], **more: Any) -> str:
    """Return the text of conda-meta/state."""
    return json.dumps({"env_vars": variables, **more})


def rc(text: str) -> dict[str, str]:
    """Return the files of a home with this ~/.condarc."""
    return {"@HOME@/.condarc": text}


NAMES_AND_PATHS = {
    "by name": ask("activate one"),
    "by name, without scripts": ask("activate bare"),
    "by path": ask(f"activate {ENVIRONMENTS}/one"),
    "by a path outside": ask("activate @HOME@/work/place"),
    "by name in ~/.conda/envs": ask("activate four"),
    "by name in the installation": ask(
        "activate central", files={"@ROOT@/envs/central/conda-meta/history": ""}
    ),
    "base": ask("activate base"),
    "base, not named": ask("activate"),
    "base, called root": ask("activate root"),
    "base by its path": ask("activate @ROOT@"),
    "base over another": ask("activate base", "activate one"),
}
LEVELS = {
    "nested": ask("activate two", "activate one"),
    "nested three deep": ask("activate three", "activate one", "activate two"),
    "stacked": ask("activate --stack two", "activate one"),
    "stacked at first": ask("activate --stack one"),
    "stacked, the flag last": ask("activate two --stack", "activate one"),
    "not stacked, said": ask("activate --no-stack two", "activate one"),
    "stacked twice": ask("activate --stack three", "activate one", "activate --stack two"),
    "over a stacked one": ask("activate three", "activate one", "activate --stack two"),
    "stacked over a replaced one": ask("activate --stack three", "activate one", "activate two"),
    "over base": ask("activate one", "activate base"),
    "stacked over base": ask("activate --stack one", "activate base"),
    "the active one again": ask("activate one", "activate one"),
    "the active one again, stacked": ask("activate --stack one", "activate one"),
    "the first one again": ask("activate one", "activate one", "activate two"),
}
DEACTIVATIONS = {
    "deactivate": ask("deactivate", "activate one"),
    "deactivate to the first": ask("deactivate", "activate one", "activate two"),
    "deactivate a stacked one": ask("deactivate", "activate one", "activate --stack two"),
    "deactivate down to a stacked one": ask(
        "deactivate", "activate one", "activate --stack two", "activate three"
    ),
    "deactivate one stacked on a replaced one": ask(
        "deactivate", "activate one", "activate two", "activate --stack three"
    ),
    "deactivate twice": ask("deactivate", "activate one", "activate two", "deactivate"),
    "deactivate base": ask("deactivate", "activate base"),
    "deactivate back to base": ask("deactivate", "activate base", "activate one"),
    "deactivate with nothing active": ask("deactivate"),
    "deactivate an environment without scripts": ask("deactivate", "activate bare"),
    "deactivate one by its path": ask("deactivate", "activate @HOME@/work/place"),
    "reactivate": ask("reactivate", "activate one"),
    "reactivate a second": ask("reactivate", "activate one", "activate two"),
    "reactivate a stacked one": ask("reactivate", "activate one", "activate --stack two"),
    "reactivate base": ask("reactivate", "activate base"),
    "reactivate with nothing active": ask("reactivate"),
}
STATES = {
    "state": ask("activate stated"),
    "state left": ask("deactivate", "activate stated"),
    "state reactivated": ask("reactivate", "activate stated"),
    "state over another": ask("activate stated", "activate one"),
    "state under another": ask("activate one", "activate stated"),
    "state back to": ask("deactivate", "activate stated", "activate one"),
    "state back from": ask("deactivate", "activate one", "activate stated"),
    "state stacked": ask("activate --stack stated", "activate one"),
    "state with other keys": ask("activate one", files={STATE: state({"A": "1"}, version=1, notes=[])}),
    "state without variables": ask("activate one", files={STATE: state({})}),
    "variables of a package": ask("activate one", files={f"{OF_PACKAGES}/a.json": '{"A_PACKAGE": "1"}'}),
    "variables of two packages": ask(
        "activate one",
        files={
            f"{OF_PACKAGES}/b.json": '{"A_PACKAGE": "b", "OF_B": "1"}',
            f"{OF_PACKAGES}/a.json": '{"OF_A": "1", "A_PACKAGE": "a"}',
        },
    ),
    "variables of a package left": ask(
        "deactivate", "activate one", files={f"{OF_PACKAGES}/a.json": '{"A_PACKAGE": "1"}'}
    ),
}
CONFIGURATIONS = {
    "a condarc of a year": ask("activate one", files=rc(EVERYDAY_CONDARC)),
    "a condarc of a year, left": ask("deactivate", "activate one", files=rc(EVERYDAY_CONDARC)),
    "channels and changeps1": ask("activate one", files=rc("channels: [conda-forge]\nchangeps1: false\n")),
    "channels, defaults": ask("activate one", files=rc("channels:\n  - conda-forge\n  - defaults\n")),
    "changeps1: true": ask("activate one", files=rc("changeps1: true\n")),
    "changeps1: false": ask("activate two", "activate one", files=rc(NO_PROMPT)),
    "changeps1: no": ask("activate one", files=rc("changeps1: no\n")),
    "an empty condarc": ask("activate one", files=rc("")),
    "a condarc of comments": ask("activate one", files=rc("# nothing\n\n# yet\n")),
    "envs_dirs of the user": ask(
        "activate place", files=rc("envs_dirs:\n  - ~/work\n"), environ={"CONDA_ENVS_PATH": None}
    ),
    "no variables of the module": ask(
        "activate four", environ={"CONDA_ENVS_PATH": None, "CONDA_PKGS_DIRS": None}
    ),
}
EVERYDAY = NAMES_AND_PATHS | LEVELS | DEACTIVATIONS | STATES | CONFIGURATIONS
