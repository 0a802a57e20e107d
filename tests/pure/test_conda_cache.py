"""The package cache of a conda before 4.13: a stand-in, since no such conda can be installed here."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from stackenv.conda.package_cache import CondaCache, list_unused
from stackenv.errors import StackenvError

# Imitates conda/cli/main_clean.py of conda 4.12.0: a dry run ends before the first question, so it prints no
# JSON; indexes are deleted without a question.
STAND_IN_OF_CONDA_4_12 = """\
import json, os, shutil, sys
words, caches = sys.argv[1:], {caches!r}
if words == ["--version"]:
    print("conda 4.12.0")
elif words[0] == "config":
    print(json.dumps({{"pkgs_dirs": caches}}))
elif "--logfiles" in words:
    sys.exit("conda: error: unrecognized arguments: --logfiles")
for option, title, end, gap in (
    ("--tarballs", "tarballs", ".tar.bz2", ""), ("--packages", "packages", "-0", "\\n")
):
    if not {{option, "--all"}} & {{*words}}:
        continue
    found = {{cache: [n for n in sorted(os.listdir(cache)) if n.endswith(end)] for cache in caches}}
    found = {{cache: names for cache, names in found.items() if names}}
    if not found:
        continue
    if "--json" not in words:
        for cache in found:
            print("Cache location: " + cache)
        print("Will remove the following " + title + ":")
        for cache, names in found.items():
            print(cache, "-" * len(cache), sep="\\n", end="\\n" + gap)
            for name in names:
                print("%-40s %10s" % (name, "1.2 MB"))
            print()
        print("-" * 51, "%-40s %10s" % ("Total:", "0 B"), sep="\\n", end="\\n\\n")
    print("\\nDry run. Exiting.\\n", file=sys.stderr)
    sys.exit(0)
if {{"--index-cache", "--all"}} & {{*words}}:
    for cache in caches:
        shutil.rmtree(os.path.join(cache, "cache"), ignore_errors=True)
if "--json" in words and words[0] == "clean":
    print(json.dumps({{"success": True}}))
"""


def make_conda(folder: Path, script: str) -> str:
    """Write the program conda into `folder`, with a python beside it that runs it; return its path."""
    folder.mkdir()
    (folder / "python").symlink_to(sys.executable)
    (folder / "conda").write_text(script)
    return str(folder / "conda")


@pytest.fixture
def caches(tmp_path: Path) -> list[Path]:
    """Make two caches with an index each; only the first has an archive and a package."""
    for name in ("one", "two"):
        (tmp_path / name / "cache").mkdir(parents=True)
    (tmp_path / "one/left-1.0-0.tar.bz2").touch()
    (tmp_path / "one/left-1.0-0/info").mkdir(parents=True)
    return [tmp_path / "one", tmp_path / "two"]


@pytest.mark.parametrize("empty", [False, True])
def test_a_stand_in_for_conda_4_12_lists_its_unused_files_and_keeps_its_indexes(
    tmp_path: Path, caches: list[Path], empty: bool
) -> None:
    conda = make_conda(tmp_path / "bin", STAND_IN_OF_CONDA_4_12.format(caches=[*map(str, caches)]))
    indexes = tuple(str(cache / "cache") for cache in caches)
    archive, package = caches[0] / "left-1.0-0.tar.bz2", caches[0] / "left-1.0-0"
    if empty:
        archive.unlink()
        (package / "info").rmdir()
        package.rmdir()
    found = list_unused(conda, {})
    going = ((), ()) if empty else ((str(archive),), (str(package),))
    assert found == CondaCache(*going, indexes, ("--index-cache",))
    assert all(Path(index).is_dir() for index in indexes)


def test_the_error_of_a_stand_in_for_conda_is_reported_in_its_own_words(tmp_path: Path) -> None:
    said = json.dumps({"success": False, "message": "MultipleKeysError"})
    script = f"import sys; print('conda 24.7.1' if '--version' in sys.argv else {said!r}); " + (
        "sys.exit('--version' not in sys.argv)"
    )
    with pytest.raises(StackenvError, match="MultipleKeysError"):
        list_unused(make_conda(tmp_path / "bin", script), {})
