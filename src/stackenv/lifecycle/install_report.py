"""What became of the packages that an environment was to have again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from packaging.utils import canonicalize_name

from stackenv.environments.stack import Stack
from stackenv.errors import InstallError
from stackenv.lifecycle.requirements import Wanted
from stackenv.output import format_count
from stackenv.record import Package


@dataclass
class Outcome:
    """What became of the packages that were wanted.

    Parameters
    ----------
    left_to_stack
        Name, version before, version and module now: the modules have them.
    kept
        Name and version: just as it was.
    changed
        Name, version before and now, of those of which only another version could be had.
    missing
        Name, version before, and why it could not be had.
    left_behind
        What is in the old environment and was not installed there: nobody can install it anew.
    """

    left_to_stack: list[tuple[str, str, str, str]] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)
    changed: list[tuple[str, str, str]] = field(default_factory=list)
    missing: list[tuple[str, str, str]] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)

    def miss(self, package: Wanted, why: str) -> None:
        """Note that `package` could not be had."""
        self.missing.append((package.name, package.version, why))

    def settle(self, wanted: Iterable[Wanted], now: Iterable[Package], stack: Stack | None = None) -> None:
        """Note what became of `wanted`, now that the environment has the packages `now`.

        What is not in it, and not missing, the modules of `stack` have: then pip has left it alone.
        """
        versions = {str(canonicalize_name(p.name)): p.version for p in now}
        beneath = {str(canonicalize_name(p.name)): p for p in (stack.packages if stack else ())}
        gone = {name for name, _, _ in self.missing}
        for package in wanted:
            name = str(canonicalize_name(package.name))
            if package.name in gone:
                continue
            if name in versions and versions[name] == (package.version or versions[name]):
                self.kept.append((package.name, versions[name]))
            elif name in versions:
                self.changed.append((package.name, package.version, versions[name]))
            elif stack and name in beneath:
                found = beneath[name]
                self.left_to_stack.append(
                    (package.name, package.version, found.version, stack.module_of(found))
                )
            else:
                self.miss(package, "it was installed, and is not there")

    def require_some(self, wanted: Sequence[Wanted], hint: str) -> None:
        """Raise InstallError with `hint` when not one of `wanted` could be had: the cause is another."""
        missing = [why for name, _, why in self.missing if name in {w.name for w in wanted}]
        if wanted and len(missing) == len(wanted):
            number = format_count(len(wanted), "package")
            raise InstallError(
                f"no package could be installed ({number} wanted): {missing[0]}; nothing was changed",
                hint,
            )

    def sentences(self) -> list[str]:
        """Return what is different, for people."""
        return [
            *(f"{n} {was}: of {module} now, {new}" for n, was, new, module in self.left_to_stack),
            *(f"{n} {was}: could only be had as {new}" for n, was, new in self.changed),
            *(f"{n} {was}: could not be had: {why}" for n, was, why in self.missing),
            *(f"{name}: not taken along, for it was not installed" for name in self.left_behind),
        ]

    def describe(self) -> dict[str, Any]:
        """Return the same as plain data."""
        return {
            "kept": [{"name": name, "version": version} for name, version in self.kept],
            "left_to_stack": [
                {"name": name, "was": was, "is": new, "module": module}
                for name, was, new, module in self.left_to_stack
            ],
            "changed": [{"name": name, "was": was, "is": new} for name, was, new in self.changed],
            "missing": [{"name": name, "was": was, "why": why} for name, was, why in self.missing],
            "left_behind": self.left_behind,
        }


def split_off_stack(
    wanted: Iterable[Wanted], pinned: Sequence[tuple[str, str, str]], outcome: Outcome
) -> list[Wanted]:
    """Return those of `wanted` that the modules, as `pinned`, do not hold; tell `outcome` of the others."""
    held: Mapping[str, tuple[str, str]] = {
        str(canonicalize_name(name)): (version, module) for name, version, module in pinned
    }
    own = []
    for package in wanted:
        name = str(canonicalize_name(package.name))
        if name in held:
            outcome.left_to_stack.append((package.name, package.version, *held[name]))
        else:
            own.append(package)
    return own
