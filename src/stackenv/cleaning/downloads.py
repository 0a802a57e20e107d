"""Downloads of Hugging Face and PyTorch, for which `stackenv clean` prints the command to delete them."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from stackenv.account.storage_places import HUGGINGFACE_CACHE, TITLES, TORCH_CACHE
from stackenv.cleaning.reclaimable import Reclaimable
from stackenv.cleaning.tool_caches import find_other_owner, list_caches
from stackenv.environments.context import Context
from stackenv.user_paths import has, is_own, list_folders

# huggingface.co/docs/hub, local-cache
REPOSITORY = re.compile(r"(models|datasets|spaces)--.+")
REPOSITORY_PARTS = {"blobs", "refs", "snapshots", ".no_exist"}
# huggingface.co/docs/huggingface_hub, guides/manage-cache: the folders of one server
XET_PARTS = {"chunk-cache", "chunk_cache", "shard-cache", "shard_cache", "staging"}
# huggingface.co/docs/datasets, cache: the version of a dataset, below its configuration, and its downloads
VERSION = re.compile(r"\d+\.\d+\.\d+")
DOWNLOADED = re.compile(r"[0-9a-f]{64}.*|extracted")
# docs.pytorch.org/docs, hub
WEIGHTS = re.compile(r".+\.(pth?|th|bin|safetensors)")


class Downloads(NamedTuple):
    """How to find the downloads of a tool: the folders in its cache, and a test of what they look like."""

    tool: str
    kind: str
    folders: tuple[str, ...]
    is_one: Callable[[Path], bool]
    choose: str = ""


def find_downloads(context: Context) -> Iterator[Reclaimable]:
    """Yield the downloads of Hugging Face and PyTorch; none of them is deleted automatically.

    Without a network, they could not be downloaded again.
    """
    for downloads in DOWNLOADS:
        seen: set[str] = set()
        for cache in list_caches(downloads.tool, context):
            # A folder can be listed both by itself and as a part of its parent.
            found = [path for path in list_in(cache, downloads) if os.path.realpath(path) not in seen]
            seen.update(map(os.path.realpath, found))
            places = tuple(map(str, found))
            if places and not find_other_owner(places):
                yield describe(cache, places, downloads)


def describe(cache: Path, places: tuple[str, ...], downloads: Downloads) -> Reclaimable:
    """Return the downloads `places` of `cache`, with the command that deletes them."""
    typed = shlex.join(("rm", "-r", *places))
    why = "it may not be possible to download it again here"
    kept = f"{why}; {downloads.choose}to delete all of it: {typed}"
    what = f"{TITLES[downloads.kind]}, {cache}"
    return Reclaimable(downloads.kind, what, places, 0, 0, (), kept=kept)


def list_in(cache: Path, downloads: Downloads) -> Iterator[Path]:
    """Yield the entries of `cache` that look like downloads; the user's own files may be beside them."""
    for folder in (cache, *(cache / name for name in downloads.folders)):
        yield from (path for path in list_folders(folder) if is_own(path) and downloads.is_one(path))


def is_of_huggingface(path: Path) -> bool:
    """Return whether `path` is a repository of the hub, a prepared dataset, or a part of xet's cache."""
    names = {inside.name for inside in list_folders(path)}
    if not names:
        return False
    if REPOSITORY.fullmatch(path.name):
        return names <= REPOSITORY_PARTS
    if path.name == "downloads":
        return all(map(DOWNLOADED.fullmatch, names))
    is_xet = names <= XET_PARTS and names != {"staging"}
    return is_xet or all(map(is_configuration, list_folders(path)))


def is_configuration(path: Path) -> bool:
    """Return whether `path` is one configuration of a prepared dataset."""
    versions = list_folders(path)
    return bool(versions) and all(
        VERSION.fullmatch(version.name)
        and any(has(folder, "dataset_info.json") for folder in (version, *list_folders(version)))
        for version in versions
    )


def is_of_torch(path: Path) -> bool:
    """Return whether `path` is a repository that torch.hub has extracted, or its folder of weights."""
    names = [inside.name for inside in list_folders(path)]
    if path.parent.name != "hub" or ".git" in names:
        return False
    is_weights = path.name == "checkpoints" and bool(names) and all(map(WEIGHTS.fullmatch, names))
    # OWNER_REPOSITORY_BRANCH
    return is_weights or ("hubconf.py" in names and path.name.count("_") > 1)


DOWNLOADS = (
    Downloads(
        "huggingface",
        HUGGINGFACE_CACHE,
        ("hub", "datasets", "xet"),
        is_of_huggingface,
        "`hf cache ls` and `hf cache rm` list and delete single items; ",
    ),
    Downloads("torch", TORCH_CACHE, ("hub",), is_of_torch),
)
