"""What an activation does to each variable, found by comparing its runs.

Three runs decide everything about a variable. Two runs that differ in HOME, TMPDIR, folder, host name and
so on show what is the same everywhere. The third repeats the first, but each variable of interest holds a
seed, the path of an empty folder: what the script does with it shows whether it sets the variable, sets
it only if it is unset, or extends it. So no list of the names of list variables is needed, and a script
that overwrites LD_LIBRARY_PATH is not mistaken for one that prepends to it.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stackenv.conda.activation.run import Observation
from stackenv.conda.activation.sources import ActivationSources
from stackenv.plain_files import read_file_text

CONDAS_OWN = frozenset({"CONDA_PREFIX", "CONDA_DEFAULT_ENV", "CONDA_SHLVL"})
# In these, an empty entry means the system's own pages; elsewhere it is the current folder, and a mistake.
EMPTY_ENTRY_COUNTS = frozenset({"MANPATH", "INFOPATH"})
# Variables that other modules commonly set: a script may do something only if they are set.
COMMON_LISTS = frozenset(
    """
    ACLOCAL_PATH CMAKE_PREFIX_PATH CPATH INFOPATH LD_LIBRARY_PATH LIBRARY_PATH MANPATH PERL5LIB
    PKG_CONFIG_PATH PYTHONPATH XDG_CONFIG_DIRS XDG_DATA_DIRS
    """.split()  # noqa: SIM905 (names read better as words)
)
EXPORTED = re.compile(r"\b(unset|unsetenv|export|setenv)\b([^\n;&|#]*)")
NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True)
class Change:
    """What an activation does to one variable.

    `verb` is one of `set`, `default` (set if unset), `extend` (`front` and `back` are list entries),
    `unset`, `backup` and `unknown`; `note` is what the user should know about it.
    """

    verb: str
    value: str = ""
    front: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    note: str = ""


def split_list(value: str) -> list[str]:
    """Return the entries of a list variable."""
    return value.split(":")


def find_growth(old: str, new: str) -> tuple[list[str], list[str]] | None:
    """Return the entries of `new` before and after those of `old`; None if `new` does not extend `old`."""
    before, after = split_list(old), split_list(new)
    for start in range(len(after) - len(before) + 1):
        if after[start : start + len(before)] == before:
            return after[:start], after[start + len(before) :]
    return None


def changed_names(observation: Observation) -> set[str]:
    """Return the names of the variables that the activation changed in this run."""
    before, after = observation.before, observation.after.environment
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def choose_seeds(sources: ActivationSources, runs: Sequence[Observation], folder: Path) -> dict[str, str]:
    """Return a value, an empty folder, for each variable that the scripts change or may change.

    The names come from the `runs` and from the scripts' text, because unsetting an unset variable leaves no
    trace. Variables that are set in every shell are left out: they have a value already.
    """
    names = COMMON_LISTS.union(find_names(read_scripts(sources)), *(changed_names(run) for run in runs))
    taken = set(sources.variables).union(*(run.moments[0].environment.keys() for run in runs))
    seeds = {name: str(folder / f"{name}.seed") for name in sorted(names - taken)}
    for seed in seeds.values():
        Path(seed).mkdir(parents=True)
    return seeds


def read_scripts(sources: ActivationSources) -> str:
    """Return the text of all readable scripts in activate.d."""
    texts = []
    for script in (*sources.activate, *sources.csh):
        with contextlib.suppress(OSError):
            texts.append(read_file_text(script, errors="replace"))
    return "\n".join(texts)


def find_names(text: str) -> Iterator[str]:
    """Yield the variables that `text`, of sh or csh, exports or unsets.

    Variables that it unsets and assigns but does not export are left out: only the script itself uses them.
    """
    for verb, words in EXPORTED.findall(text):
        for word in words.split()[: 1 if verb == "setenv" else None]:
            name = word.partition("=")[0]
            if NAME.fullmatch(name) and (verb in ("export", "setenv") or not is_assigned(name, text)):
                yield name


def is_assigned(name: str, text: str) -> bool:
    """Return whether the scripts' `text` gives the variable `name` a value."""
    keywords = r"\b(?:for|foreach|read|local|declare|set)\s+"
    return re.search(rf"{keywords}{name}\b|(?<![\w-]){name}=", text) is not None


def describe_changes(plain: Observation, seeded: Observation, seeds: Mapping[str, str]) -> dict[str, Change]:
    """Return what the activation does to each variable, by name."""
    names = changed_names(plain) | changed_names(seeded)
    changes = {name: describe_change(name, plain, seeded, seeds) for name in sorted(names)}
    return {name: refuse_bytes(change) for name, change in changes.items() if change is not None}


def refuse_bytes(change: Change) -> Change:
    """Return `change`, without its values if they are not text, since a modulefile can hold only text."""
    try:
        "".join([change.value, *change.front, *change.back]).encode()
    except UnicodeEncodeError:
        return Change("unknown", note="its value is not UTF-8 text")
    return change


def describe_change(
    name: str, plain: Observation, seeded: Observation, seeds: Mapping[str, str]
) -> Change | None:
    """Return what the activation does to the variable `name`; None if nothing."""
    was, now = plain.before.get(name), plain.after.environment.get(name)
    then = seeded.after.environment.get(name)
    if name in CONDAS_OWN:
        return Change("unknown", note="a script changes it, and it is the module's own")
    if not now and then in seeds.values() and then != seeds.get(name):
        return Change("backup", note="keeps the value of another variable from before the activation")
    if name in seeds:
        return describe_seeded(name, was, now, then, seeds[name])
    growth = find_growth(was, now) if was is not None and now is not None else None
    if growth and now and (now == then or name == "PATH"):
        return grow(name, *growth, whole=now)
    if name == "PATH":
        return Change("unknown", note="it is changed in other ways than prepending and appending")
    if now == then:
        return Change("unset") if now is None else Change("set", now)
    used = [seed for seed in seeds if then and seeds[seed] in then]
    return Change("unknown", note=f"depends on what {', '.join(used) or 'other variables'} held before")


def describe_seeded(
    name: str, was: str | None, now: str | None, then: str | None, seed: str
) -> Change | None:
    """Return what the activation does to a variable that one run had unset and the other set to `seed`."""
    if now == then:
        return Change("unset") if now is None else Change("set", now)
    growth = find_growth(seed, then) if then is not None else None
    if growth and now is not None:
        entries = [*growth[0], *growth[1]]
        if [e for e in split_list(now) if e] == [e for e in entries if e] and any(entries):
            return grow(name, *growth, whole=now)
    if now is None or now == was:
        return None if then == seed else Change("unknown", note="changed only if it is set before")
    if then == seed:
        return Change("default", now)
    return Change("default", now, note="if it is set before, the script extends or changes it")


def grow(name: str, front: list[str], back: list[str], whole: str) -> Change:
    """Return the change of a list variable that got these entries and now has the value `whole`.

    Empty entries are left out.
    """
    note = ""
    if name in EMPTY_ENTRY_COUNTS and "" in split_list(whole):
        note = "its empty entry (the pages of the system) is not captured"
    return Change("extend", "", tuple(filter(None, front)), tuple(filter(None, back)), note)


def find_differing(plain: Observation, other: Observation) -> dict[str, str]:
    """Return the variables whose new value is not the same in both runs, each with a phrase saying why."""
    here, there = plain.after.environment, other.after.environment
    differing = {}
    for name in sorted(changed_names(plain) | changed_names(other)):
        if here.get(name) != there.get(name):
            differing[name] = explain_difference(here.get(name), there.get(name), plain, other)
    return differing


def explain_difference(here: str | None, there: str | None, plain: Observation, other: Observation) -> str:
    """Return why a variable is `here` in one run and `there` in the other."""
    if here is None or there is None:
        return "is not changed the same way in every shell"
    own, others = find_whole(str(plain.pid)), find_whole(str(other.pid))
    has_process_number = own.search(here) is not None and others.search(there) is not None
    named = name_inputs(own.sub("", here), others.sub("", there), plain.inputs, other.inputs)
    if named:
        return f"depends on {', '.join(named)}"
    if has_process_number:
        return "depends on the shell's process ID"
    if re.sub(r"\d+", "0", here) == re.sub(r"\d+", "0", there):
        return "contains a number that differs each time: a time, a process ID or a random number"
    return "differs each time"


def name_inputs(here: str, there: str, inputs: Mapping[str, str], others: Mapping[str, str]) -> list[str]:
    """Return the names of the inputs that `here` holds in one run and `there` in the other.

    Longer values are searched for first: a short host name can be part of a temporary folder's name.
    """
    found: set[str] = set()
    for value in sorted(set(others.values()), key=len, reverse=True):
        own = {n: find_whole(inputs.get(n, "")) for n in others if others[n] == value}
        names = [name for name in own if own[name].search(here)]
        if names and find_whole(value).search(there):
            found.update(names)
            there = find_whole(value).sub("", there)
            for name in names:
                here = own[name].sub("", here)
    return [name for name in others if name in found]


def find_whole(text: str) -> re.Pattern[str]:
    """Return a pattern that finds `text` in a value; a number does not match inside a longer number."""
    return re.compile(rf"(?<!\d){text}(?!\d)" if text.isdigit() else re.escape(text))


def keep_common(change: Change, name: str, other: Observation) -> Change:
    """Return the part of `change`, to a variable that differs between the runs, that is the same in both."""
    here = [*change.front, *change.back]
    was = other.before.get(name)
    now = other.after.environment.get(name)
    growth = find_growth(was, now) if was is not None and now is not None else None
    there = [e for e in ([*growth[0], *growth[1]] if growth else split_list(now or "")) if e]
    if change.verb != "extend" or len(here) != len(there):
        return Change("unknown")
    same = [first == second for first, second in zip(here, there)]
    middle = len(change.front)
    return replace(
        change,
        front=tuple(entry for entry, kept in zip(change.front, same) if kept),
        back=tuple(entry for entry, kept in zip(change.back, same[middle:]) if kept),
    )
