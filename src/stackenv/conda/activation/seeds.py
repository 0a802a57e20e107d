"""The variables that hold something before the last run of a capture, and what."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from stackenv.conda.activation.changes import changed_names
from stackenv.conda.activation.run import Observation
from stackenv.conda.activation.sources import ActivationSources

# What other modules commonly set: a script may do something only where they did.
COMMON_LISTS = frozenset(
    """
    ACLOCAL_PATH CMAKE_PREFIX_PATH CPATH INFOPATH LD_LIBRARY_PATH LIBRARY_PATH MANPATH PERL5LIB
    PKG_CONFIG_PATH PYTHONPATH XDG_CONFIG_DIRS XDG_DATA_DIRS
    """.split()  # noqa: SIM905 (names read better as words)
)
EXPORTED = re.compile(r"\b(unset|unsetenv|export|setenv)\b([^\n;&|#]*)")
NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def choose_seeds(sources: ActivationSources, runs: Sequence[Observation], folder: Path) -> dict[str, str]:
    """Return a value, an empty folder, for each variable that the scripts change or may change.

    Those are the names that the `runs` show, and those in the scripts' text: unsetting what is unset
    cannot be seen. A variable that is set in every shell has a value already.
    """
    names = COMMON_LISTS.union(find_names(read_scripts(sources)), *(changed_names(run) for run in runs))
    taken = set(sources.variables).union(*(run.moments[0].environment.keys() for run in runs))
    seeds = {name: str(folder / f"{name}.seed") for name in sorted(names - taken)}
    for seed in seeds.values():
        Path(seed).mkdir(parents=True)
    return seeds


def read_scripts(sources: ActivationSources) -> str:
    """Return the text of all scripts of activate.d that can be read."""
    texts = []
    for script in (*sources.activate, *sources.csh):
        with contextlib.suppress(OSError):
            texts.append(Path(script).read_text(encoding="utf-8", errors="replace"))
    return "\n".join(texts)


def find_names(text: str) -> Iterator[str]:
    """Yield the variables that `text`, of sh or csh, exports or unsets.

    Not those that it unsets and assigns without exporting them: they serve the script alone.
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
