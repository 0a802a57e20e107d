"""Rules for combinations of keys that are each valid on their own."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from voluptuous import Invalid, MultipleInvalid

from stackenv.configuration.channels import DEFAULTS, DEFAULTS_URLS, name_channel
from stackenv.configuration.faults import KeyPath, did_you_mean, nearest
from stackenv.configuration.path_template import parse_path_template

# The keys that contradict each other, beginning with the one to change, and the problem.
Problem = tuple[tuple[KeyPath, ...], str]


def check_pair(place: dict[str, Any]) -> dict[str, Any]:
    """Return the `place` for environments and packages; neither may be inside the other."""
    environments, packages = place["environments"] + "/", place["packages"] + "/"
    if environments.startswith(packages) or packages.startswith(environments):
        raise Invalid(
            f"environments {place['environments']!r} and packages {place['packages']!r} are the same folder, "
            "or one is inside the other, and `conda clean` deletes packages; "
            "allowed: two folders beside each other"
        )
    return place


def check_cache_place(place: dict[str, Any]) -> dict[str, Any]:
    """Return the `place` of a cache; no user may create a folder that others need to write to."""
    first, _, rest = place["folder"].partition("/")
    if "${USER}" in rest and "${USER}" not in first:
        raise Invalid(
            f"folder {place['folder']!r}: the first user creates {first}, and no other user can write there; "
            f"allowed: ${{USER}} in the first part, such as .cache-${{USER}}/pip"
        )
    return place


def check_channels(channels: dict[str, Any]) -> dict[str, Any]:
    """Return the section ``conda.channels``, after checking that its lists do not contradict each other."""
    faults = [*_several_in_one(channels, "default"), *_several_in_one(channels, "denied")]
    default = {name_channel(channel) for channel in channels["default"]}
    for position, channel in enumerate(channels["denied"]):
        if name_channel(channel) in default:
            problem = f"{channel!r} is in both default and denied; allowed: in one of the two lists"
            faults.append(Invalid(problem, ["denied", position]))
    if channels["replace_defaults"]:
        faults.extend(_replacement_faults(channels))
    if faults:
        raise MultipleInvalid(faults)
    return channels


def _several_in_one(channels: dict[str, Any], key: str) -> Iterator[Invalid]:
    for position, channel in enumerate(channels[key]):
        if "," in channel or any(character.isspace() for character in channel):
            allowed = "allowed: a channel's name or URL, without spaces and commas"
            yield Invalid(f"{channel!r} is not one channel; {allowed}", [key, position])


def _replacement_faults(channels: dict[str, Any]) -> Iterator[Invalid]:
    # conda resolves the name `defaults` through default_channels: the list cannot contain itself, and denying
    # `defaults` denies the channels in the list, for example conda-forge.
    urls = ", ".join(DEFAULTS_URLS)
    problems = {
        "default": "with replace_defaults, `defaults` means this list, which cannot contain itself; "
        f"allowed: other channels, or URLs such as {urls}",
        "denied": "with replace_defaults, `defaults` means the default list, which would be denied; "
        f"allowed: the URLs to deny: {urls}",
    }
    if not channels["default"]:
        problem = "true, but conda.channels.default is empty; allowed: true with channels in default"
        yield Invalid(problem, ["replace_defaults"])
    for key, problem in problems.items():
        for position, channel in enumerate(channels[key]):
            if name_channel(channel) == DEFAULTS:
                yield Invalid(problem, [key, position])


def check_limit(values: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of a limit, which must give a number, or a command that prints it."""
    if not any(values.get(key) for key in ("bytes", "files", "command")):
        raise Invalid("no limit given; allowed: bytes, files or command in addition to path")
    return values


def find_contradictions(configuration: dict[str, Any], faulty: Collection[KeyPath]) -> Iterator[Problem]:
    """Yield contradictions between sections of `configuration`, the data from YAML merged with the defaults.

    Rules that read a key which is already known to be wrong (`faulty`) are skipped.
    """
    conda = configuration["conda"]

    def are_sound(*names: str, section: str = "conda") -> bool:
        return not any(key[:2] == (section, name) for key in faulty for name in names)

    caches_are_sound = not any(key[:1] == ("caches",) for key in faulty)
    if are_sound("purged_storage"):
        # A purge goes by the last access, and files of packages keep old times: it deletes single files from
        # an environment that is in use.
        if are_sound("storage"):
            yield from _find_purged(conda, dict(_list_places(conda["storage"])))
        if are_sound("environments", section="personal"):
            yield from _find_purged(conda, dict(_list_folders(configuration["personal"]["environments"])))
        if caches_are_sound:
            yield from _find_purged(conda, dict(_list_caches(configuration["caches"])), "caches")
    if caches_are_sound:
        if are_sound("environments", section="personal"):
            folders = configuration["personal"]["environments"]
            parents = [parse_path_template(folder).text.rpartition("/")[0] or "/" for folder in folders]
            yield from _find_apart("uv", configuration, parents, ("personal", "environments"))
        if are_sound("storage"):
            parents = [parse_path_template(place["parent"]).text for place in conda["storage"]]
            yield from _find_apart("conda", configuration, parents, ("conda", "storage"))
    if are_sound("final", "condarc", "channels"):
        yield from _find_unwritten_final_keys(conda)


def _list_places(storage: list[dict[str, str]]) -> Iterator[tuple[KeyPath, tuple[str, list[str]]]]:
    for i, place in enumerate(storage):
        parent = parse_path_template(place["parent"]).text
        below = [f"{parent}/{place[key]}" for key in ("environments", "packages")]
        yield ("conda", "storage", i, "parent"), (parent, [parent, *below])


def _list_folders(environments: list[str]) -> Iterator[tuple[KeyPath, tuple[str, list[str]]]]:
    for i, folder in enumerate(environments):
        yield ("personal", "environments", i), (folder, [parse_path_template(folder).text])


def _list_caches(caches: dict[str, Any]) -> Iterator[tuple[KeyPath, tuple[str, list[str]]]]:
    for tool, places in caches.items():
        for i, place in enumerate(places):
            parent = parse_path_template(place["parent"]).text
            yield ("caches", tool, i, "parent"), (parent, [parent, f"{parent}/{place['folder']}"])


def _find_apart(
    tool: str, configuration: dict[str, Any], parents: list[str], environments: KeyPath
) -> Iterator[Problem]:
    """Yield a problem if the cache of `tool`, which is hard-linked into environments, may be on another file
    system.

    The first usable place of each list is taken, so the same parents mean the same file system.
    """
    places = configuration["caches"][tool]
    if places and parents and [parse_path_template(place["parent"]).text for place in places] != parents:
        problem = (
            f"{tool} hard-links files from its cache into environments, so both must be on one file system; "
            f"allowed: the parents of {'.'.join(map(str, environments))}, in that order: {', '.join(parents)}"
        )
        yield (("caches", tool), environments), problem


def _find_purged(
    conda: dict[str, Any], named: dict[KeyPath, tuple[str, list[str]]], what: str = "environments"
) -> Iterator[Problem]:
    for j, text in enumerate(conda["purged_storage"]):
        purged = parse_path_template(text)
        for key, (name, folders) in named.items():
            if any(purged.contains(folder) for folder in folders):
                problem = f"{name!r} is on purged storage ({purged.text!r}), where {what} lose files"
                yield (
                    (key, ("conda", "purged_storage", j)),
                    f"{problem}; allowed: a folder that is not purged",
                )


def _find_unwritten_final_keys(conda: dict[str, Any]) -> Iterator[Problem]:
    written = list(conda["condarc"])
    if conda["channels"]["replace_defaults"]:
        written.append("default_channels")
    if conda["channels"]["denied"]:
        written.append("denylist_channels")
    for position, name in enumerate(conda["final"]):
        if name not in written:
            allowed = ", ".join(written) or "nothing, because the site configuration writes no such key"
            hint = did_you_mean(nearest(name, written))
            problem = f"{name!r} is not written to the condarc; allowed: {allowed}{hint}"
            yield (("conda", "final", position),), problem
