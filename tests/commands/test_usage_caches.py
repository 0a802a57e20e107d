"""`stackenv usage`: the caches of pip, uv, conda, Hugging Face, PyTorch and Jupyter, wherever they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from answers import read_result
from occupied import fill, measure, run_on_terminal, write_configuration
from people import COMMAND, Person

from stackenv.configuration.loader import load_configuration
from stackenv.modulefile.text import render_module
from stackenv.site.stackenv_module import describe_stackenv_module

TOOLS = ("pip", "uv", "conda", "huggingface", "torch", "jupyter")
# Kind of cache, and folders below the one in the workspace that the module stackenv sets for the tool.
BY_SITE = {
    "pip": ("pip-cache", [""]),
    "uv": ("uv-cache", [""]),
    "conda": ("conda-packages", [""]),
    "huggingface": ("huggingface-cache", ["/datasets", "/hub"]),
    "torch": ("torch-cache", ["/hub"]),
    "jupyter": ("jupyter", [""]),
}
# Kind and default folder of each cache, according to the documentation of the tools.
OWN = {
    "pip": ("pip-cache", "~/.cache/pip"),
    "uv": ("uv-cache", "~/.cache/uv"),
    "conda": ("conda-packages", "~/.conda/pkgs"),
    "huggingface": ("huggingface-cache", "~/.cache/huggingface"),
    "torch": ("torch-cache", "~/.cache/torch"),
}
VARIABLES = {
    "pip": "PIP_CACHE_DIR",
    "uv": "UV_CACHE_DIR",
    "conda": "CONDA_PKGS_DIRS",
    "huggingface": "HF_HUB_CACHE",
    "torch": "TORCH_HOME",
    "jupyter": "JUPYTER_RUNTIME_DIR",
}


def list_kinds(person: Person, **changes: str) -> list[tuple[str, str]]:
    """Return the kind and name of each place that `usage` lists."""
    return sorted((place["category"], place["name"]) for place in measure(person, **changes)["places"])


@pytest.fixture
def workspace(person: Person) -> dict[str, str]:
    """Return variables for a site configuration with the caches of all tools in the person's workspace."""
    folder = person.home / "workspace"
    folder.mkdir()
    places = "".join(
        f'  {tool}: [{{parent: "${{WORKSPACE}}", folder: ".cache/${{WHO}}/{tool}"}}]\n' for tool in TOOLS
    )
    # The caches of uv and conda must have the same parents as the environments.
    rest = (
        'personal: {environments: ["${WORKSPACE}/venvs"]}\n'
        'conda: {storage: [{parent: "${WORKSPACE}", environments: conda/envs, packages: conda/pkgs}]}\n'
    )
    return {
        **write_configuration(person, f"caches:\n{places}{rest}"),
        "WORKSPACE": str(folder),
        "WHO": "anna",
    }


@pytest.mark.parametrize("tool", TOOLS)
def test_caches_set_by_the_site_are_listed_with_and_without_its_module(
    person: Person, workspace: dict[str, str], tool: str
) -> None:
    kind, below = BY_SITE[tool]
    folder = person.home / "workspace/.cache/anna" / tool
    for name in below:
        fill(Path(f"{folder}{name}"), 2)
    expected = [(kind, f"~/workspace/.cache/anna/{tool}{name}") for name in below]
    assert list_kinds(person, **workspace) == expected
    # With the variable that the module sets, each is listed once.
    named = f"{folder}/hub" if tool == "huggingface" else str(folder)
    assert list_kinds(person, **workspace, **{VARIABLES[tool]: named}) == expected
    # Without WORKSPACE, the place is unknown.
    del workspace["WORKSPACE"]
    assert list_kinds(person, **workspace) == []


def test_each_cache_is_listed_once_with_the_stackenv_module_loaded(
    person: Person, workspace: dict[str, str]
) -> None:
    site = Path(workspace["STACKENV_SITE_CONFIG"])
    modulefile = person.home.parent / "site-modules/stackenv/1.0.lua"
    modulefile.parent.mkdir(parents=True)
    spec = describe_stackenv_module("stackenv/1.0", str(modulefile.parent), load_configuration(site))
    modulefile.write_text(render_module(spec))
    expected = []
    for tool, (kind, below) in BY_SITE.items():
        for name in below:
            fill(person.home / f"workspace/.cache/anna/{tool}{name}", 1)
            expected.append((kind, f"~/workspace/.cache/anna/{tool}{name}"))
    for kind, name in OWN.values():
        fill(person.home / name[2:], 1)
        expected.append((kind, name))
    # The module also sets the site configuration.
    load = f"unset STACKENV_SITE_CONFIG; module use {modulefile.parents[1]}; module load stackenv"
    done = person.shell(f"{load} && {COMMAND} usage --json", **workspace)
    assert done.returncode == 0, done.stderr
    places = read_result(done.stdout)["places"]
    assert sorted((place["category"], place["name"]) for place in places) == sorted(expected)


@pytest.mark.parametrize("tool", OWN)
def test_a_default_cache_is_listed_when_a_variable_points_elsewhere(
    person: Person, workspace: dict[str, str], tool: str
) -> None:
    kind, name = OWN[tool]
    fill(person.home / name[2:], 2)
    assert list_kinds(person) == [(kind, name)]
    assert list_kinds(person, **workspace, **{VARIABLES[tool]: f"{person.home}/elsewhere"}) == [(kind, name)]


def test_caches_in_xdg_cache_home_and_in_the_home_are_both_listed(person: Person) -> None:
    names = ("pip", "uv", "huggingface", "torch")
    for name in names:
        fill(person.home / ".cache" / name, 1)
        fill(person.home / "xdg" / name, 1)
    found = list_kinds(person, XDG_CACHE_HOME=f"{person.home}/xdg")
    assert found == sorted(
        (f"{name}-cache", f"~/{place}/{name}") for name in names for place in ("xdg", ".cache")
    )


def test_hugging_face_caches_are_found_by_their_variables(person: Person) -> None:
    for name in ("home", "home/hub", "hub", "sets", "old"):
        fill(person.home / name, 1)
    named = {
        name: f"{person.home}/{folder}" for name, folder in (("HF_HOME", "home"), ("HF_HUB_CACHE", "hub"))
    }
    found = list_kinds(person, **named, HF_DATASETS_CACHE=f"{person.home}/sets")
    assert found == [("huggingface-cache", f"~/{name}") for name in ("home/hub", "hub", "sets")]
    ((_, name),) = list_kinds(person, HUGGINGFACE_HUB_CACHE=f"{person.home}/old")
    assert name == "~/old"


def test_the_home_and_its_parent_are_not_listed_as_caches(person: Person) -> None:
    fill(person.home / "hub", 1)
    for variable in (*VARIABLES.values(), "HF_HOME", "PYTHONUSERBASE"):
        for folder in (person.home, person.home.parent):
            found = list_kinds(person, **{variable: str(folder)})
            is_torch = variable == "TORCH_HOME" and folder == person.home
            is_hub = variable == "HF_HOME" and folder == person.home
            expected = [("torch-cache", "~/hub")] if is_torch else []
            assert found == ([("huggingface-cache", "~/hub")] if is_hub else expected), variable


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ('cache-dir = "{home}/of-uv" # mine\n[pip]\ncache-dir = "{home}/other"\n', "of-uv"),
        ("cache-dir = '../of-uv'\n", ".config/of-uv"),
        ('[pip]\ncache-dir = "{home}/other"\n', ".cache/uv"),
        ("cache-dir = 3\n\udcff", ".cache/uv"),
    ],
)
def test_uv_toml_sets_the_folder_of_the_uv_cache(person: Person, text: str, folder: str) -> None:
    file = person.home / ".config/uv/uv.toml"
    file.parent.mkdir(parents=True)
    file.write_text(text.format(home=person.home), errors="surrogateescape")
    for name in ("other", folder):
        fill(person.home / name, 1)
    ((_, name),) = list_kinds(person)
    assert os.path.realpath(name.replace("~", str(person.home))) == str(person.home / folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="to give a folder away takes root")
def test_a_cache_owned_by_another_user_is_not_listed(person: Person, workspace: dict[str, str]) -> None:
    shared = write_configuration(person, 'caches: {pip: [{parent: "${WORKSPACE}", folder: pip}]}\n')
    fill(person.home / "workspace/pip/http", 2)
    assert list_kinds(person, **{**workspace, **shared}) == [("pip-cache", "~/workspace/pip")]
    os.chown(person.home / "workspace/pip", 4711, -1)
    assert list_kinds(person, **{**workspace, **shared}) == []
    assert list_kinds(person, PIP_CACHE_DIR=f"{person.home}/workspace/pip") == []


def test_a_terminal_names_the_tool_of_each_cache(person: Person) -> None:
    for name in ("huggingface", "torch", "uv", "pip"):
        fill(person.home / ".cache" / name, 1)
    shown = run_on_terminal(person, "usage")
    for title in ("Hugging Face's cache", "PyTorch's cache", "uv's cache", "pip's cache"):
        assert title in shown
