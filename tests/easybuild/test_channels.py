"""The site configuration's channels apply in the built installation, whatever an old ~/.condarc says."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from built import WORK
from runner import EasyBuild, make_easybuild

CHANNEL = f"file://{WORK / 'distribution/channel'}"
SITE_CONFIGURATION = f"""\
version: 1
conda:
  load_test: {{shells: [bash]}}
  channels:
    default: ["{CHANNEL}"]
    replace_defaults: true
  condarc:
    channel_priority: strict
  final: [channel_priority]
"""
OLD_CONDARC = "channels: [defaults]\nchannel_priority: flexible\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> EasyBuild:
    folder = tmp_path_factory.mktemp("channels")
    easybuild = make_easybuild("eb5", folder)
    configuration = folder / "site.yaml"
    configuration.write_text(SITE_CONFIGURATION)
    easybuild.build(STACKENV_SITE_CONFIG=str(configuration))
    return easybuild


@pytest.fixture
def conda(site: EasyBuild, tmp_path: Path):
    """A function that runs the built conda as a user with an old ~/.condarc."""
    (tmp_path / ".condarc").write_text(OLD_CONDARC)
    root = site.prefix / "software/Anaconda3/2024.02-1"

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [f"{root}/bin/python", "-I", f"{root}/bin/conda", *arguments],
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.mark.parametrize(
    "more", [(), ("-c", "defaults", "--override-channels")], ids=["plain", "-c defaults"]
)
def test_defaults_in_a_condarc_or_after_c_means_the_sites_channels(conda, more) -> None:
    done = conda("search", "--json", "plain", *more)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {record["channel"] for record in json.loads(done.stdout)["plain"]}
    assert all(channel.startswith(CHANNEL) for channel in found), found


def test_a_custom_channel_works(conda, tmp_path: Path) -> None:
    other = tmp_path / "other-channel/noarch"
    other.mkdir(parents=True)
    (other / "repodata.json").write_text('{"info": {"subdir": "noarch"}, "packages": {}}')
    done = conda("search", "--json", "plain", "-c", f"file://{other.parent}")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_final_key_overrides_the_users_condarc(conda) -> None:
    shown = json.loads(conda("config", "--json", "--show", "channel_priority", "channels").stdout)
    assert shown == {"channel_priority": "strict", "channels": ["defaults", CHANNEL]}


def test_environments_in_the_users_dot_conda_folder_are_listed_by_name(conda, tmp_path: Path) -> None:
    old = tmp_path / ".conda/envs/ancient"
    (old / "conda-meta").mkdir(parents=True)
    (old / "conda-meta/history").touch()
    assert "ancient " in conda("env", "list").stdout
