"""Render modulefiles from a site configuration and an installation.

The golden files are the complete texts for two configurations. After a change that was meant to change them:

    STACKENV_UPDATE_GOLDEN=1 python -m pytest tests/pure/test_render.py; git diff tests/pure/golden
"""

from __future__ import annotations

import difflib
import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_ci import fail_or_skip

from stackenv import STACKENV_UUID, __version__
from stackenv.conda.installation import CondaInstallation
from stackenv.conda.module import describe_conda_module, describe_installed_files
from stackenv.configuration.loader import load_configuration
from stackenv.configuration.path_template import Literal, PathTemplate, Variable
from stackenv.configuration.settings import ChannelSettings, CondaSettings, LoadTestSettings, StoragePlace
from stackenv.errors import StackenvError
from stackenv.modulefile import ModuleSpec, Operation, TerminalNotices
from stackenv.modulefile.lua import list_calls, render_call
from stackenv.modulefile.spec import SHIPPED
from stackenv.modulefile.templates import open_templates
from stackenv.modulefile.text import render_installed_file, render_module
from stackenv.site.stackenv_module import describe_stackenv_module

CHECKOUT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).parent / "golden"
INSTALLATION = CondaInstallation("Anaconda3", "Anaconda3/2024.02-1", "/software/Anaconda3/2024.02-1")
WITH_MAMBA = replace(INSTALLATION, mamba=2)
GOLDENS = {
    "conda": ("default", INSTALLATION),
    "conda-ubelix": ("ubelix", INSTALLATION),
}
RENDERED = {**GOLDENS, "mamba": ("default", WITH_MAMBA)}

# Texts that would end a string, a comment, a long bracket, a block or a template if they were not quoted.
HOSTILE = st.text(max_size=20) | st.sampled_from(
    ["]]", "]=]\n", '"', "\\", "--[[", "\n-- x", "{{ 1 }}", "{% raw %}", "{#", "__ROOT__", "%s", "\0", "\r\n"]
)
# Notices contain the name of the software. The description does not check it, since a configuration's `names`
# are known ones; so it is plain here. `check_root` would accept each prefix.
PLAIN = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)
ROOTS = st.lists(
    st.text(st.characters(exclude_characters="'\"`$\\!:*?[]{}~;&|<>()#/", exclude_categories=["C", "Z"])),
    min_size=1,
    max_size=4,
).map(lambda parts: "/" + "/".join(parts))
PARTS = st.builds(Literal, HOSTILE) | st.builds(Variable, HOSTILE)
PATHS = st.builds(PathTemplate, HOSTILE, st.lists(PARTS, max_size=4).map(tuple))
POLICIES_OF_ANY_KIND = st.builds(
    CondaSettings,
    names=st.lists(HOSTILE, max_size=2).map(tuple),
    base_on_path=st.booleans(),
    storage=st.lists(st.builds(StoragePlace, PATHS, HOSTILE, HOSTILE), max_size=3).map(tuple),
    purged_storage=st.lists(PATHS, max_size=2).map(tuple),
    channels=st.builds(ChannelSettings, st.just(()), st.booleans(), st.just(())),
    condarc=st.just({}),
    final=st.just(()),
    init=st.sampled_from(["refuse", "warn", "allow"]),
    user_site=st.sampled_from(["hide", "show"]),
    hide_modules=st.booleans(),
    native_activation=st.booleans(),
    module_roots=st.lists(HOSTILE, max_size=2).map(tuple),
    pythonpath_notice=st.booleans(),
    export_function=st.booleans(),
    empty_package_cache=st.booleans(),
    freeze_base=st.booleans(),
    load_test=st.builds(LoadTestSettings, st.just(("bash",)), st.just(60)),
    templates=st.none(),
)
INSTALLATIONS = st.builds(CondaInstallation, PLAIN, HOSTILE, ROOTS, st.integers(0, 2))


def describe_own_module() -> ModuleSpec:
    """Return the description of the stackenv module with all its functions configured."""
    configuration = load_configuration(CHECKOUT / "site-config/ubelix.yaml")
    place = configuration.caches.uv[-1]
    caches = configuration.caches._replace(conda=(place,), jupyter=(place,))
    configuration = configuration._replace(path=Path("/etc/stackenv/site.yaml"), caches=caches)
    return describe_stackenv_module("stackenv/1.0", "/software/stackenv/1.0", configuration)


def luac() -> str:
    """Return the name of Lua's compiler; if it is missing, skip, or fail in CI."""
    for name in ("luac", "luac5.3", "luac5.1", "luac5.4"):
        if shutil.which(name):
            return name
    message = "Lua's compiler is not installed"
    fail_or_skip(message)


def compile_lua(text: str) -> str:
    """Return the errors that Lua's compiler reports for `text`."""
    done = subprocess.run([luac(), "-p", "-"], input=text.encode(), capture_output=True, check=False)
    return done.stderr.decode(errors="replace")


def render_operation(operation: Operation, facts: Mapping[str, str] | None = None) -> str:
    """Return the Lua code of one operation, as it is in a modulefile."""
    calls = list_calls([operation])
    return "\n".join(f"  {render_call(call, facts or {}, open_templates(None))}" for call in calls)


def default_configuration() -> CondaSettings:
    return load_configuration(CHECKOUT / "site-config/default.yaml").conda


@settings(max_examples=150, deadline=None)
@given(INSTALLATIONS, POLICIES_OF_ANY_KIND)
def test_the_modulefile_compiles_for_any_configuration(installation, configuration) -> None:
    assert compile_lua(render_module(describe_conda_module(installation, configuration))) == ""


@settings(max_examples=30, deadline=None)
@given(INSTALLATIONS, POLICIES_OF_ANY_KIND)
def test_the_same_description_gives_the_same_text(installation, configuration) -> None:
    first, second = (render_module(describe_conda_module(installation, configuration)) for _ in range(2))
    assert first == second


@settings(max_examples=30, deadline=None)
@given(INSTALLATIONS, POLICIES_OF_ANY_KIND)
def test_the_first_line_contains_the_hash_of_the_rest(installation, configuration) -> None:
    text = render_module(describe_conda_module(installation, configuration))
    line, _, body = text.partition("\n")
    digest = hashlib.sha256(body.encode()).hexdigest()
    assert line == f"-- {STACKENV_UUID} stackenv {__version__} sha256:{digest}"


@pytest.mark.parametrize("character", list("'\"`!*?[]{}\\$~\n"))
def test_a_notice_with_special_shell_characters_is_refused(character: str) -> None:
    notices = TerminalNotices("/software", f"a{character}b", "", "", "")
    with pytest.raises(ValueError, match="a notice may not hold"):
        render_operation(notices)


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(exclude_characters="'\"`!*?[]{}\\$~\n", exclude_categories=["C", "Z"])))
def test_a_notice_without_special_shell_characters_compiles(text: str) -> None:
    notices = TerminalNotices("/software", text, text, text, text)
    assert compile_lua(render_operation(notices)) == ""


@pytest.mark.parametrize("word", ["NOTICE", "CONDA", "BODY", "__ROOT__"])
def test_a_prefix_may_contain_a_word_of_the_template(word: str) -> None:
    installation = CondaInstallation("Anaconda3", "Anaconda3/1", f"/{word}")
    text = render_module(describe_conda_module(installation, default_configuration()))
    assert compile_lua(text) == ""
    assert f'\nlocal root = "/{word}"\n' in text
    assert ', root .. "/bin/conda")\n' in text


def test_empty_notices_render_no_code() -> None:
    assert render_operation(TerminalNotices("/software", "", "", "", "")) == ""


@pytest.mark.parametrize("name", GOLDENS)
def test_the_conda_modulefile_matches_its_golden_file(name: str) -> None:
    site, installation = GOLDENS[name]
    configuration = load_configuration(CHECKOUT / f"site-config/{site}.yaml").conda
    text = render_module(describe_conda_module(installation, configuration))
    golden = GOLDEN / f"{name}.lua"
    if os.environ.get("STACKENV_UPDATE_GOLDEN") == "1":
        golden.write_text(text, encoding="utf-8")
    assert text.splitlines() == golden.read_text(encoding="utf-8").splitlines()


def test_the_lines_added_for_mamba_match_the_golden_diff() -> None:
    golden = GOLDEN / "mamba.diff"
    without, with_mamba = (
        render_module(describe_conda_module(installation, default_configuration())).splitlines()
        for installation in (INSTALLATION, WITH_MAMBA)
    )
    lines = list(difflib.unified_diff(without, with_mamba, "conda", "mamba", lineterm="", n=1))
    if os.environ.get("STACKENV_UPDATE_GOLDEN") == "1":
        golden.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    assert lines == golden.read_text(encoding="utf-8").splitlines()


def test_the_stackenv_modulefile_matches_its_golden_file() -> None:
    golden = GOLDEN / "stackenv.lua"
    text = render_module(describe_own_module())
    if os.environ.get("STACKENV_UPDATE_GOLDEN") == "1":
        golden.write_text(text, encoding="utf-8")
    assert text.splitlines() == golden.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", RENDERED)
def test_native_activation_changes_only_the_options_of_the_python_calls(name: str) -> None:
    """tests/copied_installations.py relies on this for `native_activation: false`."""
    site, installation = RENDERED[name]
    native = load_configuration(CHECKOUT / f"site-config/{site}.yaml").conda
    asking = native._replace(native_activation=False)
    texts = []
    for settings_of_site in (native, asking):
        module = render_module(describe_conda_module(installation, settings_of_site))
        files = describe_installed_files(installation, settings_of_site)
        texts.append([module.partition("\n")[2], *map(render_installed_file, files)])
    assert any("-ISB" in text for text in texts[0])
    assert [text.replace("-ISB", "-I") for text in texts[0]] == [t.replace("-ISB", "-I") for t in texts[1]]
    assert "-ISB" not in texts[1][0]


def test_each_placeholder_of_a_rendered_file_is_replaced() -> None:
    files = describe_installed_files(WITH_MAMBA, default_configuration())
    text = "".join(render_installed_file(file) for file in files if not file.path.endswith(".py"))
    assert [word for word in text.split() if word.startswith("__") and word.endswith("__")] == []


def test_a_site_template_overrides_one_block_and_keeps_the_others(tmp_path: Path) -> None:
    (tmp_path / "conda.lua.j2").write_text(
        '{% extends "stackenv/conda.lua.j2" %}\n{% block notices %}\nLmodMessage("hi")\n{% endblock %}\n'
    )
    spec = describe_conda_module(INSTALLATION, default_configuration())
    own, shipped = render_module(spec, tmp_path), render_module(spec)
    notices = render_operation(spec.blocks["notices"][0], spec.facts)
    assert notices in shipped
    assert own.split("\n", 1)[1] == shipped.split("\n", 1)[1].replace(notices, 'LmodMessage("hi")')


def test_a_site_template_can_add_to_a_block(tmp_path: Path) -> None:
    (tmp_path / "conda.lua.j2").write_text(
        '{% extends "stackenv/conda.lua.j2" %}\n'
        "{% block help %}\n{{ super() }}whatis({{ help_text }})\n{% endblock %}\n"
    )
    text = render_module(describe_conda_module(INSTALLATION, default_configuration()), tmp_path)
    assert text.count("help([[") == text.count("whatis([[") == 1
    assert compile_lua(text) == ""


def test_a_sites_own_shell_file_replaces_the_shipped_file(tmp_path: Path) -> None:
    (tmp_path / "shell").mkdir()
    (tmp_path / "shell/conda.sh").write_text("conda() {\n    echo __ROOT__\n}\n")
    text = render_module(describe_conda_module(INSTALLATION, default_configuration()), tmp_path)
    assert "eval 'conda() {\n    echo /software/Anaconda3/2024.02-1\n}'" in text


def test_a_sites_own_lua_function_replaces_the_shipped_function(tmp_path: Path) -> None:
    (tmp_path / "lua").mkdir()
    own = "function base_path(on_path)\n  if not on_path then remove_entry(mode(), 'PATH', root) end\nend\n"
    (tmp_path / "lua/base_path.lua").write_text(f"-- The site's.\n{own}")
    text = render_module(describe_conda_module(INSTALLATION, default_configuration()), tmp_path)
    assert own in text and "visible_prefixes" not in text
    assert "function remove_entry(" in text and compile_lua(text) == ""


BROKEN = {
    "its syntax": "{% block path %}",
    "an unknown name": '{% extends "stackenv/conda.lua.j2" %}{% block path %}{{ pth }}{% endblock %}',
    "an unknown frame": '{% extends "stackenv/anaconda.lua.j2" %}',
    "an error of its own": "{{ 1 / 0 }}",
    "bytes that are no UTF-8": b"\xff",
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_sites_broken_template_is_named_in_the_error(what: str, tmp_path: Path) -> None:
    text = BROKEN[what]
    (tmp_path / "conda.lua.j2").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(StackenvError) as caught:
        render_module(describe_conda_module(INSTALLATION, default_configuration()), tmp_path)
    assert "conda.lua.j2" in caught.value.message
    assert str(tmp_path) in caught.value.hint


@pytest.mark.parametrize("text", ["", "echo no function\n", "conda() {\n  :\n}\nmore\n"])
def test_a_sites_broken_shell_file_is_named_in_the_error(text: str, tmp_path: Path) -> None:
    (tmp_path / "shell").mkdir()
    (tmp_path / "shell/conda.sh").write_text(text)
    with pytest.raises(StackenvError) as caught:
        render_module(describe_conda_module(INSTALLATION, default_configuration()), tmp_path)
    assert caught.value.message == "the template shell/conda.sh must define conda() and nothing else"
    assert str(tmp_path) in caught.value.hint


def test_the_shipped_templates_are_those_of_the_checkout() -> None:
    assert SHIPPED.resolve() == CHECKOUT / "modulefiles"
