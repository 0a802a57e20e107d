"""What the hook adds to a real build, and what it leaves unchanged."""

from __future__ import annotations

import bz2
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from open_ways import open_way_to
from runner import IN_ALL_SHELLS

from stackenv import __version__

# Used by the fixture `built` in conftest.py.
LOAD_TEST = IN_ALL_SHELLS
OTHER = """\
easyblock = 'Tarball'
name = 'other'
version = '1.0'
homepage = 'https://example.org'
description = 'Software that is no conda.'
toolchain = SYSTEM
sources = []
skipsteps = ['install', 'sanitycheck']
moduleclass = 'tools'
"""


def test_a_build_adds_text_and_files_and_empties_the_package_cache(built) -> None:
    text = (built.modules / "Anaconda3/2024.02-1.lua").read_text()
    assert 'setenv("EBROOTANACONDA3", root)' in text
    assert text.count(f"stackenv {__version__} sha256:") == 1
    root = built.prefix / "software/Anaconda3/2024.02-1"
    assert (root / "condarc.d/stackenv.yml").is_file()
    assert stat.S_IMODE((root / "libexec/stackenv/condabin/conda").stat().st_mode) & 0o111
    assert [entry.name for entry in (root / "pkgs").iterdir()] == ["urls.txt"]


def test_the_terminal_and_the_log_show_what_the_hook_did(easybuild) -> None:
    done = easybuild.build()
    (log,) = (easybuild.prefix / "software/Anaconda3/2024.02-1/easybuild").glob("*.log*")
    logged = bz2.decompress(log.read_bytes()) if log.suffix == ".bz2" else log.read_bytes()
    said = [line for line in done.stdout.splitlines() if line.startswith("== stackenv: ")]
    words = (
        r"emptied the package cache: freed [0-9.]+ k?B, [0-9]+ files",
        r"base not marked as frozen: requires conda 25\.5, found 24\.7\.1",
        r"load test passed in bash",
    )
    assert len(said) == len(words), done.stdout
    for line, expected in zip(said, words):
        assert re.fullmatch(f"== stackenv: {expected}", line)
        assert line[3:] in logged.decode()


def test_render_prints_exactly_what_the_hook_adds(built) -> None:
    root = built.prefix / "software/Anaconda3/2024.02-1"
    done = subprocess.run(
        [
            *(str(Path(sys.executable).parent / "stackenv"), "site", "render", "--name", "Anaconda3"),
            *("--version", "2024.02-1", "--root", str(root)),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (built.modules / "Anaconda3/2024.02-1.lua").read_text().endswith("\n\n" + done.stdout)


@pytest.mark.any_value("easybuild")
def test_the_modulefile_of_other_software_is_unchanged(easybuild, tmp_path) -> None:
    easyconfig = tmp_path / "other-1.0.eb"
    easyconfig.write_text(OTHER)
    easybuild.run(str(easyconfig), hooks=None)
    # A second build finds EasyBuild's own files where the first one found an empty folder.
    easybuild.run(str(easyconfig), "--rebuild", hooks=None)
    without = (easybuild.modules / "other/1.0.lua").read_bytes()
    easybuild.run(str(easyconfig), "--rebuild")
    assert (easybuild.modules / "other/1.0.lua").read_bytes() == without


@pytest.mark.each_value("arguments", "built")
@pytest.mark.parametrize(
    "arguments",
    [
        ("--module-only", "--force"),
        ("--module-only", "--rebuild"),
        ("--rebuild",),
        ("--force",),
        ("--skip", "--force"),
    ],
    ids=" ".join,
)
def test_every_kind_of_rebuild_produces_the_same_module(built, arguments) -> None:
    module = built.modules / "Anaconda3/2024.02-1.lua"
    first = module.read_bytes()
    built.build(*arguments)
    assert module.read_bytes() == first
    assert not (built.prefix / "software/.stackenv-kept").exists()


def test_module_only_updates_an_installation_built_without_hooks(easybuild) -> None:
    easybuild.build(hooks=None)
    root = easybuild.prefix / "software/Anaconda3/2024.02-1"
    assert not (root / "libexec").exists()
    easybuild.build("--module-only", "--force")
    assert (root / "libexec/stackenv/activation.py").is_file()
    assert f"stackenv {__version__}" in (easybuild.modules / "Anaconda3/2024.02-1.lua").read_text()


@pytest.mark.any_value("built")
def test_sanity_check_only_passes_and_does_not_write_the_modulefile(built) -> None:
    module = built.modules / "Anaconda3/2024.02-1.lua"
    before = (module.read_bytes(), module.stat().st_mtime_ns)
    built.build("--sanity-check-only")
    assert (module.read_bytes(), module.stat().st_mtime_ns) == before


@pytest.mark.any_value("easybuild")
def test_a_hidden_module_is_named_as_users_load_it(easybuild) -> None:
    easybuild.build("--hidden")
    root = easybuild.prefix / "software/Anaconda3/2024.02-1"
    assert f"stackenv {__version__}" in (easybuild.modules / "Anaconda3/.2024.02-1.lua").read_text()
    assert "module load Anaconda3/.2024.02-1" in (root / "libexec/stackenv/condabin/conda").read_text()


@pytest.mark.any_value("easybuild")
def test_a_dry_run_shows_the_module_text_and_builds_nothing(easybuild) -> None:
    done = easybuild.build("-x")
    assert 'family("conda")' in done.stdout
    assert not (easybuild.prefix / "software/Anaconda3").exists()


@pytest.mark.any_value("built")
def test_a_build_from_the_archived_easyconfig_adds_the_text_only_once(built) -> None:
    archived = next((built.prefix / "ebfiles_repo").rglob("Anaconda3-2024.02-1.eb"))
    built.run(str(archived), "--module-only", "--force")
    assert (built.modules / "Anaconda3/2024.02-1.lua").read_text().count("sha256:") == 1


@pytest.mark.any_value("easybuild")
def test_a_build_user_can_update_a_read_only_installation(easybuild) -> None:
    if os.geteuid():
        pytest.skip("only root can become the build user of this test")
    for folder in (easybuild.prefix.parent, easybuild.prefix.parent / "home"):
        folder.chmod(0o777)
    open_way_to(easybuild.prefix.parent)
    build_user = {"user": 65534, "group": 65534, "extra_groups": []}
    easybuild.build("--read-only-installdir", run_as=build_user)
    root = easybuild.prefix / "software/Anaconda3/2024.02-1"
    mode = (root / "condarc.d").stat().st_mode
    assert not mode & stat.S_IWUSR
    easybuild.build("--module-only", "--force", run_as=build_user)
    assert (root / "condarc.d").stat().st_mode == mode


@pytest.mark.any_value("built")
def test_base_is_marked_as_frozen_if_conda_supports_it(built, tmp_path) -> None:
    root = built.prefix / "software/Anaconda3/2024.02-1"
    record, mark = root / "conda-meta/conda-25.5.1-py312_0.json", root / "conda-meta/frozen"
    built.build("--module-only", "--force")
    assert not mark.exists()
    # No conda 25.5 is available here; the hook looks only at its record.
    record.write_text("{}")
    try:
        done = built.build("--module-only", "--force")
        assert "== stackenv: marked base as frozen: conda refuses to change it\n" in done.stdout
        assert "make an environment of your own" in json.loads(mark.read_text())["message"]
        configuration = tmp_path / "site.yaml"
        configuration.write_text("version: 1\nconda:\n  freeze_base: false\n")
        built.build("--module-only", "--force", STACKENV_SITE_CONFIG=str(configuration))
        assert not mark.exists()
        mark.write_text('{"message": "frozen by somebody else"}')
        built.build("--module-only", "--force")
        assert "somebody else" in mark.read_text()
    finally:
        record.unlink()
        mark.unlink(missing_ok=True)
