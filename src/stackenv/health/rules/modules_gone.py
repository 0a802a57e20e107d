"""The modules that an environment stands on are not there any more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stackenv.errors import ModuleError
from stackenv.health.checked_environment import CheckedEnvironment
from stackenv.health.finding import Finding
from stackenv.lmod.bindings import Lmod


def find(environment: CheckedEnvironment) -> Iterator[Finding]:
    """Yield one finding when the modules cannot be loaded, with the modules that take their place."""
    record = environment.record
    if record is None or not record.modules:
        return
    try:
        _ = environment.stack
    except ModuleError as error:
        lmod = Lmod.find({**environment.environ, "MODULEPATH": environment.modulepath})
        gone = [m for m in record.modules if m not in lmod.available(m.split("/")[0])]
        modules = " ".join(f"-m {m}" for m in list_instead(lmod, record.modules)) or "-m MODULE"
        yield Finding(
            "modules-gone",
            "broken",
            f"{', '.join(gone)}: not there any more"
            if gone
            else f"{', '.join(record.modules)}: cannot be loaded: {error.message.splitlines()[-1]}",
            str(environment.modulefile),
            f"`module load {environment.full_name}` fails, in a shell, in a job and in Jupyter",
            f"stackenv rebuild {environment.full_name} {modules}",
            breaks="environment",
        )


def list_instead(lmod: Lmod, modules: Sequence[str]) -> list[str]:
    """Return `modules`, and in the place of those that are gone the newest version that is there."""
    return [
        found
        for name in modules
        for found in ([name] if lmod.is_available(name) else list_others(lmod, name)[-1:])
    ]


def list_others(lmod: Lmod, full_name: str) -> list[str]:
    """Return the other versions of the module `full_name` that are there, the newest last."""
    name = full_name.split("/")[0]
    return [m for m in lmod.available(name) if m.split("/")[0] == name and m != full_name]
