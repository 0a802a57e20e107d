"""What conda's package cache holds that no environment links to, as conda itself tells."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stackenv.errors import StackenvError

TIMEOUT_S = 600
# conda-meta has the number (conda/models/enums.py, LinkType), or its name.
SOFT_LINKS = (2, "softlink")


@dataclass(frozen=True)
class CondaCache:
    """What `conda clean` would remove: the paths of archives, extracted packages, indexes and logs."""

    archives: tuple[str, ...]
    packages: tuple[str, ...]
    indexes: tuple[str, ...]


def list_unused(conda: str, environ: Mapping[str, str]) -> CondaCache:
    """Ask the program `conda` what it would clean; nothing is removed.

    An extracted package is unused for conda when none of its files has a second hard link
    (conda/cli/main_clean.py).

    Raises
    ------
    StackenvError
        When conda fails or answers in another way; its words are in the message.
    """
    arguments = ("clean", "--all", "--dry-run", "--json")
    try:
        done = subprocess.run(
            # Isolated: a PYTHONPATH of modules breaks conda.
            [str(Path(conda).parent / "python"), "-I", "-B", conda, *arguments],
            env=dict(environ),
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        )
        answer = json.loads(done.stdout)
        if done.returncode or not answer["success"]:
            raise ValueError(answer.get("message") or f"status {done.returncode}")
        return CondaCache(
            tuple(list_sized(answer.get("tarballs", {}))),
            tuple(list_sized(answer.get("packages", {}))),
            (*answer.get("index_cache", {}).get("files", ()), *answer.get("logfiles", ())),
        )
    except subprocess.TimeoutExpired:
        raise StackenvError(f"{conda} clean --dry-run did not end within {TIMEOUT_S} s") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StackenvError(
            f"conda does not tell what can go: {error}", "conda clean --all --dry-run shows its words"
        ) from error


def list_sized(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the paths in conda's table of sizes by package cache."""
    for folder, sizes in found.get("pkg_sizes", {}).items():
        yield from (str(Path(folder, name)) for name in sizes)


def find_soft_linked(prefixes: Iterable[Path]) -> Path | None:
    """Return a conda environment of `prefixes` whose packages are symbolic links into the cache.

    conda does not see those and would break it (`conda clean --help`). None when there is none.
    """
    for prefix in prefixes:
        for file in (prefix / "conda-meta").glob("*.json"):
            try:
                link = json.loads(file.read_text(encoding="utf-8")).get("link") or {}
            except (OSError, ValueError, AttributeError):
                continue
            if isinstance(link, dict) and link.get("type") in SOFT_LINKS:
                return prefix
    return None
