"""The section `caches`: where a site puts the caches of pip, uv, conda and other tools."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stackenv.configuration.caches import CACHE_VARIABLES, list_cache_folders
from stackenv.configuration.loader import load_configuration
from stackenv.configuration.settings import CacheSettings
from stackenv.configuration.site_file import SHIPPED_FILE


@pytest.fixture
def load_caches(configuration_path: Path) -> Callable[[str], CacheSettings]:
    def load(text: str) -> CacheSettings:
        configuration_path.write_text(f"version: 1\n{text}\n")
        return load_configuration(configuration_path).caches

    return load


def test_the_default_leaves_each_tool_its_own_cache():
    shipped = load_configuration(SHIPPED_FILE)
    assert set(shipped.caches) == {()} and shipped.personal.use


def test_each_tool_has_variables_of_its_own():
    assert set(CACHE_VARIABLES) == set(CacheSettings._fields)
    variables = [name for tool in CACHE_VARIABLES.values() for name in tool.folders]
    assert len(variables) == len(set(variables))


def test_folders_with_unset_or_relative_variables_are_skipped(load_caches):
    caches = load_caches(
        "caches:\n  pip:\n"
        "    - {parent: '${WORKSPACE}', folder: './.cache-${USER}//pip/'}\n"
        "    - {parent: '${NO_FOLDER}', folder: pip}\n"
        "    - {parent: /data, folder: 'pip-${USER}'}"
    )
    environ = {"WORKSPACE": "/ws/group", "USER": "anna", "NO_FOLDER": "relative"}
    assert [*list_cache_folders(caches, "pip", environ)] == [
        "/ws/group/.cache-anna/pip",
        "/data/pip-anna",
    ]
    assert [*list_cache_folders(caches, "pip", {"WORKSPACE": "/ws/group"})] == []
    assert [*list_cache_folders(caches, "uv", environ)] == []


BELOW = "allowed: a path below the parent, such as"
PLACE = "caches:\n  pip:\n    - parent: /data\n      folder: "


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (f"{PLACE}'/a'", f"5: caches.pip[0].folder: '/a' is absolute; {BELOW} "),
        (f"{PLACE}'a/../../b'", "5: caches.pip[0].folder: 'a/../../b' contains '..'; "),
        (f"{PLACE}'$USER/a'", "5: caches.pip[0].folder: '$USER/a' has a $ without braces; "),
        (f"{PLACE}'a,b'", "5: caches.pip[0].folder: 'a,b' contains ',', "),
        (f"{PLACE}''", f"5: caches.pip[0].folder: found the text ''; {BELOW} .cache-${{USER}}/pip"),
        (
            f"{PLACE}'a/${{USER}}/pip'",
            "4: caches.pip[0]: folder 'a/${USER}/pip': the first user creates a",
        ),
        ("caches:\n  pip: /data", "3: caches.pip: found the text '/data'; allowed: a list of mappings"),
        ("caches:\n  pipp: []", "3: caches.pipp: unknown key; allowed: pip, uv, conda, huggingface, torch, "),
        ("caches:\n  pip:\n    - {parent: /a, folders: b}", "4: caches.pip[0].folder: missing; allowed: "),
    ],
)
def test_an_invalid_entry_of_caches_is_an_error_with_its_line(faults, text, fault):
    assert fault in "\n".join(line for line in faults(f"{text}\n") if line.startswith(fault))


def test_a_cache_on_purged_storage_is_refused(faults):
    (line,) = faults("caches:\n  torch:\n    - {parent: '${SCRATCH}/${USER}', folder: torch}\n")
    assert line == (
        "4: caches.torch[0].parent: '${SCRATCH}/${USER}' is on purged storage ('${SCRATCH}'), where caches "
        "lose files; allowed: a folder that is not purged"
    )


PLACES = "    - {parent: '${WORKSPACE}', folder: cache}\n    - {parent: '${HOME}', folder: cache}\n"


def test_the_uv_cache_must_have_the_parents_of_the_environments(load_caches, faults):
    venvs = "personal: {environments: ['${WORKSPACE}/venvs', '${HOME}//venvs/']}\n"
    assert len(load_caches(f"{venvs}caches:\n  uv:\n{PLACES}").uv) == 2
    (line,) = faults(f"caches:\n  uv:\n{PLACES}")
    assert line == (
        "3: caches.uv: uv hard-links files from its cache into environments, so both must be on one file "
        "system; allowed: the parents of personal.environments, in that order: ${HOME}"
    )
    (line,) = faults(f"{venvs}caches:\n  uv:\n    - {{parent: '${{HOME}}', folder: .cache/uv}}\n")
    assert line.startswith("4: caches.uv: ") and line.endswith(": ${WORKSPACE}, ${HOME}")


def test_the_conda_cache_must_have_the_parents_of_conda_storage(load_caches, faults):
    (line,) = faults("caches: {conda: [{parent: /data, folder: pkgs}]}\n")
    assert line.endswith("allowed: the parents of conda.storage, in that order: ${HOME}")
    nowhere = "conda: {storage: []}\ncaches: {conda: [{parent: /data, folder: pkgs}]}"
    assert [place.folder.text for place in load_caches(nowhere).conda] == ["/data/pkgs"]


def test_ubelix_puts_each_users_caches_into_the_groups_workspace():
    caches = load_configuration(SHIPPED_FILE.parent / "ubelix.yaml").caches
    environ = {"WORKSPACE": "/ws", "HOME": "/home/anna", "USER": "anna"}
    assert [*list_cache_folders(caches, "uv", environ)] == ["/ws/.cache-anna/uv", "/home/anna/.cache/uv"]
    assert [*list_cache_folders(caches, "pip", environ)] == ["/ws/.cache-anna/pip"]
