"""Rules that join two sections of the site configuration: purged storage, and conda's final keys."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from stackenv.configuration.faults import KeyPath, did_you_mean, nearest
from stackenv.configuration.path_template import parse_path_template

Problem = tuple[tuple[KeyPath, ...], str]


def consistency_problems(configuration: dict[str, Any], faulty: Collection[KeyPath]) -> Iterator[Problem]:
    """Find what is wrong between sections, of those that are right by themselves.

    Parameters
    ----------
    configuration
        The whole site configuration as YAML gave it, merged with the defaults.
    faulty
        The keys already known to be wrong: rules that read them are left out.

    Yields
    ------
    tuple
        The keys that contradict each other, the one to change first, and the problem.
    """

    conda = configuration["conda"]

    def are_sound(*names: str, section: str = "conda") -> bool:
        return not any(key[:2] == (section, name) for key in faulty for name in names)

    if are_sound("storage", "purged_storage"):
        yield from _environments_on_purged_storage(conda)
    if are_sound("purged_storage") and are_sound("environments", section="personal"):
        yield from _personal_environments_on_purged_storage(
            configuration["personal"], conda["purged_storage"]
        )
    if are_sound("final", "condarc", "channels"):
        yield from _final_keys_never_written(conda)


def _environments_on_purged_storage(conda: dict[str, Any]) -> Iterator[Problem]:
    # A purge goes by the time of the last access and packages keep old ones: it takes single files
    # out of an environment that is in use.
    for j, purged_text in enumerate(conda["purged_storage"]):
        purged = parse_path_template(purged_text)
        for i, place in enumerate(conda["storage"]):
            parent = parse_path_template(place["parent"]).text
            folders = [parent] + [f"{parent}/{place[key]}" for key in ("environments", "packages")]
            if any(purged.contains(folder) for folder in folders):
                yield (
                    (("conda", "storage", i, "parent"), ("conda", "purged_storage", j)),
                    f"{parent!r} is on purged storage ({purged.text!r}), where environments "
                    "lose files; allowed: a folder that is kept",
                )


def _personal_environments_on_purged_storage(
    personal: dict[str, Any], purged_storage: list[str]
) -> Iterator[Problem]:
    for j, purged_text in enumerate(purged_storage):
        purged = parse_path_template(purged_text)
        for i, folder in enumerate(personal["environments"]):
            if purged.contains(parse_path_template(folder).text):
                yield (
                    (("personal", "environments", i), ("conda", "purged_storage", j)),
                    f"{folder!r} is on purged storage ({purged.text!r}), where environments "
                    "lose files; allowed: a folder that is kept",
                )


def _final_keys_never_written(conda: dict[str, Any]) -> Iterator[Problem]:
    written = list(conda["condarc"])
    if conda["channels"]["replace_defaults"]:
        written.append("default_channels")
    if conda["channels"]["denied"]:
        written.append("denylist_channels")
    for position, name in enumerate(conda["final"]):
        key: KeyPath = ("conda", "final", position)
        if name not in written:
            allowed = ", ".join(written) or "nothing, because the site configuration writes no such key"
            hint = did_you_mean(nearest(name, written))
            yield (key,), f"{name!r} is not written to the condarc; allowed: {allowed}{hint}"
