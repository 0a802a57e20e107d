"""Load a site configuration as settings, or raise one error with all its faults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voluptuous import MultipleInvalid, RequiredFieldInvalid

from stackenv.configuration.condarc import CONDARC_KEYS, suggest_key
from stackenv.configuration.document import Document, read_document, refuse_final_comments
from stackenv.configuration.faults import (
    Fault,
    KeyPath,
    Place,
    configuration_error,
    did_you_mean,
    nearest,
)
from stackenv.configuration.rules import find_contradictions
from stackenv.configuration.schema import (
    CONFIGURATION_SCHEMA,
    CONFIGURATION_VERSION,
    KEYS_OF_SECTION,
    RESERVED_SECTIONS,
    UnknownKey,
)
from stackenv.configuration.settings import SiteConfiguration
from stackenv.configuration.site_file import SHIPPED_FILE


def load_configuration(path: Path) -> SiteConfiguration:
    """Read a site configuration, merge it with the shipped default and check it.

    Mappings are merged and lists replaced, so a site states only what differs.

    Raises
    ------
    ConfigurationError
        If the file cannot be read or is invalid: one line for each fault, with file, line and key.
    """
    document = read_document(path)
    _require_version(document)
    merged = _laid_over(read_document(SHIPPED_FILE), document)
    unreadable = {fault.key for fault in document.faults}
    refuse_final_comments(document)
    faults = list(document.faults)
    values: Any = None
    try:
        values = CONFIGURATION_SCHEMA(merged.data)
    except MultipleInvalid as error:
        faults.extend(_schema_faults(merged, error, unreadable))
    faults.extend(_contradictions(merged, path, {fault.key for fault in faults}))
    if faults:
        raise configuration_error(faults)
    return SiteConfiguration(
        path,
        values["version"],
        **{section: values[section] for section in ("conda", "personal", "caches", "pack", "jobs", "limits")},
        warnings=tuple(str(fault) for fault in _unknown_condarc_keys(merged)),
    )


def _require_version(document: Document) -> None:
    version = document.data.get("version")
    if "version" not in document.data:
        problem = f"missing; allowed: version: {CONFIGURATION_VERSION}, at the top of the file"
        document.blame(("version",), 1, problem)
    elif type(version) is int and version != CONFIGURATION_VERSION:
        # Another version has other keys, so further faults would be misleading.
        place = document.places[("version",)]
        problem = f"found {version}; allowed: {CONFIGURATION_VERSION}, the version that this stackenv reads"
        raise configuration_error([Fault(place, ("version",), problem)])


@dataclass(frozen=True)
class _Merged:
    path: Path
    data: dict[str, Any]
    places: dict[KeyPath, Place]

    def place(self, key: KeyPath) -> Place:
        # A missing key has no line; the line of its section is where to add it.
        for length in range(len(key), 0, -1):
            if key[:length] in self.places:
                return self.places[key[:length]]
        return Place(self.path, 1)


def _laid_over(base: Document, site: Document) -> _Merged:
    places = dict(base.places)

    def merge(key: KeyPath, below: Any, above: Any) -> Any:
        if isinstance(below, dict) and isinstance(above, dict):
            both = {name: merge((*key, name), below.get(name), above[name]) for name in above}
            return {**below, **both}
        # A section whose lines are all commented out is null in YAML: it sets nothing.
        if isinstance(below, dict) and above is None:
            return below
        for covered in [place for place in places if place[: len(key)] == key]:
            del places[covered]
        return above

    data = merge((), base.data, site.data)
    places.update(site.places)
    return _Merged(site.path, data, places)


def _schema_faults(merged: _Merged, error: MultipleInvalid, unreadable: set[KeyPath]) -> Iterator[Fault]:
    for invalid in error.errors:
        key: KeyPath = tuple(step if isinstance(step, (str, int)) else str(step) for step in invalid.path)
        # The document has already reported this value.
        if key in unreadable:
            continue
        problem = invalid.msg
        if isinstance(invalid, UnknownKey):
            problem = _unknown_key(key)
        elif isinstance(invalid, RequiredFieldInvalid):
            problem = "missing; allowed: this key with a value"
        yield Fault(merged.place(key), key, problem)


def _contradictions(merged: _Merged, path: Path, known: set[KeyPath]) -> Iterator[Fault]:
    # Without a mapping there is nothing to compare, and the schema has reported that.
    if ("conda",) in known or ("personal",) in known:
        return
    for keys, problem in find_contradictions(merged.data, known):
        # One of two contradicting keys may come from the shipped default.
        key = next((key for key in keys if merged.place(key).file == path), keys[0])
        yield Fault(merged.place(key), key, problem)


def _unknown_condarc_keys(merged: _Merged) -> Iterator[Fault]:
    # Not an error, because each version of conda has its own keys, and mamba reads the file too.
    for name in merged.data["conda"]["condarc"]:
        if name not in CONDARC_KEYS:
            key: KeyPath = ("conda", "condarc", name)
            problem = f"conda does not know this key and ignores it{suggest_key(name, CONDARC_KEYS)}"
            yield Fault(merged.place(key), key, problem)


def _unknown_key(key: KeyPath) -> str:
    section = ".".join(step for step in key[:-1] if isinstance(step, str))
    own = KEYS_OF_SECTION[section]
    # Keys of the same section come first, so they win over equally similar keys of other sections.
    shown_as = {name: name for name in own}
    for other, names in KEYS_OF_SECTION.items():
        for name in names:
            shown_as.setdefault(name, f"{other}.{name}" if other else name)
    writable = [name for name in own if name not in RESERVED_SECTIONS]
    word = nearest(str(key[-1]), list(shown_as))
    hint = did_you_mean(shown_as[word] if word else None)
    return f"unknown key; allowed: {', '.join(writable)}{hint}"
