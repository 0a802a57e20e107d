"""Render personal modulefiles from the records of environments.

The golden files are the complete texts for one record of each kind. After a change that was meant to change
them:

    STACKENV_UPDATE_GOLDEN=1 python -m pytest tests/pure/test_render_personal.py; git diff tests/pure/golden
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_ci import fail_or_skip

from stackenv import STACKENV_UUID, __version__
from stackenv.environments.added_files import describe_conda_environment_files, describe_venv_files
from stackenv.environments.module import (
    describe_conda_environment_module,
    describe_venv_module,
    list_multiline_variables,
)
from stackenv.modulefile.templates import fill_placeholders, open_templates, read_source
from stackenv.modulefile.text import render_installed_file, render_module
from stackenv.record import Package, PackedImage, Platform, Python, Record

GOLDEN = Path(__file__).parent / "golden"
ACTIVATION = {
    "environment_name": "myenv",
    "set_variables": (("GDAL_DATA", "/conda/envs/myenv/share/gdal"), ("TWO_LINES", "a\nid")),
    "default_variables": (("PROJ_NETWORK", "ON"),),
    "unset_variables": ("R_HOME",),
    "prepended": (("XDG_DATA_DIRS", ("/conda/envs/myenv/share", "/opt/share")),),
    "appended": (("MANPATH", ("/conda/envs/myenv/man",)),),
}
VENV = Record(
    name="biopy",
    version="1.0",
    kind="venv",
    path="/home/user/venvs/biopy-1.0",
    module_folder="/home/user/modules",
    modules=("SciPy-bundle/2023.07-gfbf-2023a",),
    stack=("Python/3.11.3-GCCcore-12.3.0", "SciPy-bundle/2023.07-gfbf-2023a"),
    modulepath="/software/modules/all",
    python=Python("3.11.3", "/software/Python/3.11.3/bin/python3.11", "Python/3.11.3-GCCcore-12.3.0"),
    platform=Platform("x86_64", "rocky 9", "zen2"),
    packages=(Package("biopython", "1.83"), Package("pip", "23.1.2")),
    pinned=(("numpy", "1.25.1", "SciPy-bundle/2023.07-gfbf-2023a"),),
    made_by=("stackenv", "create", "biopy", "biopython"),
)
CONDA = replace(
    VENV,
    name="myenv",
    kind="conda",
    path="/conda/envs/myenv",
    modules=("Anaconda3/2024.02-1",),
    stack=("Anaconda3/2024.02-1",),
    python=None,
    packages=(Package("gdal", "3.8.4"),),
    pinned=(),
    activation=ACTIVATION,
)
IMAGE = PackedImage("0a1b2c3d", 123456, "5" * 64, 4321, "6" * 64, "session", "/tmp")
PACKED = replace(VENV, packed=IMAGE)
PACKED_CONDA = replace(CONDA, packed=replace(IMAGE, way="namespace"))
DESCRIBE = {"venv": describe_venv_module, "conda": describe_conda_environment_module}
RECORDS = {"personal-venv": VENV, "personal-conda": CONDA, "personal-packed": PACKED}

# Texts that would end a string, a comment, a long bracket, a block or a template if they were not quoted.
HOSTILE = st.text(max_size=20) | st.sampled_from(
    [
        "]]",
        "]=]\n",
        '"',
        "\\",
        "--[[",
        "\n-- x",
        "{{ 1 }}",
        "{% raw %}",
        "{#",
        "__PREFIX__",
        "%s",
        "\r\n",
        "'",
    ]
)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,12}", fullmatch=True)
# A path that can be on PATH has no colon and only printable characters.
PARTS = st.text(
    st.sampled_from("'\"`$\\!*?[]{}~;&|<>()#%^=, -aé日") | st.characters(categories=["L", "N", "P"])
)
PATHS = st.lists(PARTS.map(lambda t: t.replace(":", "").replace("/", "")), min_size=1, max_size=4).map(
    lambda parts: "/" + "/".join(filter(None, parts))
)
VARIABLES = st.lists(st.tuples(st.from_regex(r"[A-Z][A-Z_0-9]{0,8}", fullmatch=True), HOSTILE), max_size=3)
LISTS = st.lists(
    st.tuples(st.from_regex(r"[A-Z][A-Z_0-9]{0,8}", fullmatch=True), st.lists(PATHS, max_size=3)), max_size=3
)
ACTIVATIONS = st.fixed_dictionaries(
    {
        "environment_name": HOSTILE,
        "set_variables": VARIABLES,
        "default_variables": VARIABLES,
        "unset_variables": st.lists(st.from_regex(r"[A-Z]{1,8}", fullmatch=True), max_size=2),
        "prepended": LISTS,
        "appended": LISTS,
    }
)
RECORDS_OF_ANY_KIND = st.builds(
    replace,
    st.sampled_from([VENV, CONDA, PACKED, PACKED_CONDA]),
    name=NAMES,
    version=NAMES,
    path=PATHS,
    module_folder=PATHS,
    modules=st.lists(st.builds("{}/{}".format, NAMES, NAMES), max_size=3).map(tuple),
    modulepath=PATHS,
    description=HOSTILE,
    user_site=st.booleans(),
    packages=st.lists(st.builds(Package, NAMES, NAMES), max_size=3).map(tuple),
    activation=ACTIVATIONS,
)


def compile_lua(text: str) -> str:
    """Return the errors that Lua's compiler reports for `text`; if it is missing, skip, or fail in CI."""
    found = [name for name in ("luac", "luac5.3", "luac5.1", "luac5.4") if shutil.which(name)]
    if not found:
        message = "Lua's compiler is not installed"
        fail_or_skip(message)
    done = subprocess.run([found[0], "-p", "-"], input=text.encode(), capture_output=True, check=False)
    return done.stderr.decode(errors="replace")


@settings(max_examples=150, deadline=None)
@given(RECORDS_OF_ANY_KIND)
def test_the_modulefile_of_any_record_compiles_and_begins_with_its_hash(record: Record) -> None:
    text = render_module(DESCRIBE[record.kind](record))
    assert compile_lua(text) == ""
    line, _, body = text.partition("\n")
    digest = hashlib.sha256(body.encode()).hexdigest()
    assert line == f"-- {STACKENV_UUID} stackenv {__version__} sha256:{digest}"
    assert text == render_module(DESCRIBE[record.kind](record))


@pytest.mark.parametrize("name", RECORDS)
def test_the_personal_modulefile_matches_its_golden_file(name: str) -> None:
    text = render_module(DESCRIBE[RECORDS[name].kind](RECORDS[name]))
    golden = GOLDEN / f"{name}.lua"
    if os.environ.get("STACKENV_UPDATE_GOLDEN") == "1":
        golden.write_text(text, encoding="utf-8")
    assert text.splitlines() == golden.read_text(encoding="utf-8").splitlines()


def test_a_multiline_variable_is_left_out_of_the_modulefile_and_listed() -> None:
    assert list_multiline_variables(ACTIVATION) == ["TWO_LINES"]
    assert "TWO_LINES" not in render_module(describe_conda_environment_module(CONDA))


def test_the_message_about_a_missing_module_has_the_modulepath_unchanged() -> None:
    text = render_module(describe_venv_module(replace(VENV, modulepath="/a/{b,c}/{}:/d")))
    assert "MODULEPATH=/a/{b,c}/{}:/d ." in text


def test_pip_is_not_listed_as_an_extension_of_the_module() -> None:
    (line,) = [t for t in render_module(describe_venv_module(VENV)).splitlines() if "extensions(" in t]
    assert line == '  extensions("biopython/1.83")'


def test_each_placeholder_of_a_rendered_text_is_replaced() -> None:
    texts = [render_module(DESCRIBE[record.kind](record)) for record in RECORDS.values()]
    texts += [render_installed_file(f) for f in describe_venv_files(VENV)]
    texts += [render_installed_file(f) for f in describe_conda_environment_files(CONDA)]
    words = " ".join(texts).replace("__LMOD_STACK_", "").split()
    assert [word for word in words if word.startswith("__") and word.endswith("__") and word.isupper()] == []


CHECKS = {
    "sh": (("bash", "-n"), ("dash", "-n"), ("zsh", "-n"), ("ksh", "-n"), ("mksh", "-n")),
    "csh": (("tcsh", "-f", "-n"),),
    "fish": (("fish", "--no-execute"),),
}


@pytest.mark.parametrize(
    "source",
    [
        "load_file",
        "unload_file",
        "personal_load",
        "personal_unload",
        "conda_environment_load",
        "conda_environment_unload",
    ],
)
@pytest.mark.parametrize("dialect", CHECKS)
@settings(max_examples=5, deadline=None)
@given(st.lists(PATHS, min_size=10, max_size=20))
def test_the_shell_code_parses_for_any_prefix(dialect: str, source: str, prefixes: list[str]) -> None:
    text = read_source(open_templates(None), f"shell/{source}.{dialect}")
    names = ("MODULE", "PREFIX", "FILE", "UNLOAD")
    code = "\n".join(fill_placeholders(text, dict.fromkeys(names, p), dialect) for p in prefixes)
    for command in CHECKS[dialect]:
        if shutil.which(command[0]) is None and os.environ.get("CI") != "true":
            continue
        done = subprocess.run(command, input=code.encode(), capture_output=True, check=False)
        assert (done.returncode, done.stderr.decode(errors="replace")) == (0, ""), command
