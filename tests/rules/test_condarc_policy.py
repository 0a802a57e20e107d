"""Entries of a condarc that violate the site configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
from checking import find, find_one, fix
from people import Person

RULE = "condarc-policy"
SITE_CONFIGURATION = """\
version: 1
conda:
  storage:
    - {parent: "${WORKSPACE}", environments: conda/envs, packages: conda/pkgs}
    - {parent: "${HOME}", environments: conda/envs, packages: conda/pkgs}
  channels: {default: [conda-forge], denied: [defaults, "https://conda.anaconda.org/r"]}
  condarc: {channel_priority: strict}
  final: [channel_priority]
"""


@pytest.fixture
def person(person: Person, tmp_path: Path) -> Person:
    for name in ("workspace", "scratch"):
        (tmp_path / name).mkdir()
        person.environ[name.upper()] = str(tmp_path / name)
    (tmp_path / "site.yaml").write_text(SITE_CONFIGURATION)
    person.environ["STACKENV_SITE_CONFIG"] = str(tmp_path / "site.yaml")
    return person


def test_a_condarc_that_follows_the_site_configuration_is_not_reported(person: Person) -> None:
    (person.home / ".condarc").write_text(
        "channels: [bioconda, conda-forge]\nenvs_dirs:\n  - ${WORKSPACE}/conda/envs\npkgs_dirs:\n  - /pkgs\n"
        "solver: libmamba\nauto_activate_base: true\nproxy_servers: {http: 'http://a:1'}\n"
    )
    assert find(person, RULE) == []


def test_only_forbidden_entries_are_removed_and_a_backup_is_kept(person: Person) -> None:
    condarc = person.home / ".condarc"
    text = "# mine\nchannels:\n  - defaults # first\n  - bioconda\n"
    text += "solver: classic  # slow\npkgs_dirs:\n  - ~/conda/pkgs\n\n"
    condarc.write_text(text)
    condarc.chmod(0o604)
    channel, folder = find(person, RULE)
    assert (channel["where"], folder["where"]) == (f"{condarc}:3", f"{condarc}:7")
    assert (channel["level"], channel["hint"]) == ("warning", "stackenv check --fix")
    assert "into your home directory" in folder["what"]
    assert person.environ["WORKSPACE"] in folder["why"]
    before = person.tree()
    fix(person)
    assert condarc.read_text() == "# mine\nchannels:\n  - bioconda\nsolver: classic  # slow\n\n"
    assert condarc.stat().st_mode & 0o777 == 0o604
    backup = person.home / ".condarc.stackenv-backup"
    assert backup.read_text() == text
    assert find(person, RULE) == []
    backup.rename(condarc)
    assert person.tree() == before


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\nchannels: [defaults, bioconda]\n", 2, "the channel defaults is not allowed"),
        ("channels: defaults\n", 1, "the channel defaults is not allowed"),
        ("channels: &all\n- r\ndefault_channels: *all\n", 2, "the channel r is not allowed"),
        ("envs_dirs:\n  - $SCRATCH/envs\n", 2, "purged storage"),
        ("envs_path:\n  - ~/envs\n", 2, "into your home directory"),
        ("\nchannel_priority: flexible\n", 2, "no effect"),
    ],
)
def test_complex_entries_are_reported_and_kept(person: Person, text: str, line: int, said: str) -> None:
    condarc = person.home / ".config/conda/condarc"
    condarc.parent.mkdir(parents=True)
    condarc.write_text(text)
    found = find_one(person, RULE)
    assert (found["where"], found["fix_steps"]) == (f"{condarc}:{line}", []), found
    assert said in found["what"]
    before = person.tree()
    fix(person)
    assert person.tree() == before


def test_folders_in_the_home_are_accepted_without_other_site_storage(person: Person) -> None:
    (person.home / ".condarc").write_text("pkgs_dirs: [~/conda/pkgs]\nenvs_dirs: [~/my/envs]\n")
    person.environ.pop("WORKSPACE")
    assert find(person, RULE) == []


def test_a_condarc_that_only_conda_can_read_is_reported_without_a_fix(person: Person) -> None:
    (person.home / ".condarc").write_text("channels:\n  - r\nother: !tag x\n")
    assert find_one(person, RULE)["fix_steps"] == []
