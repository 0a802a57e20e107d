"""The Lua sources of modulefiles: complete files that luacheck accepts, and no Lua in Python code."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from test_render import INSTALLATION, WITH_MAMBA, compile_lua, default_configuration, describe_own_module
from test_render_personal import PACKED_CONDA, VENV
from test_shell_files import require

from stackenv.conda.module import describe_conda_module
from stackenv.environments.module import describe_conda_environment_module, describe_venv_module
from stackenv.modulefile import ModuleSpec
from stackenv.modulefile.templates import list_own_functions
from stackenv.modulefile.text import render_module

CHECKOUT = Path(__file__).resolve().parents[2]
FUNCTIONS = sorted((CHECKOUT / "modulefiles/lua").glob("*.lua"))
GOLDEN = sorted((CHECKOUT / "tests/pure/golden").glob("*.lua"))
SPECS = {
    "conda.lua.j2": describe_conda_module(INSTALLATION, default_configuration()),
    "personal.lua.j2": describe_venv_module(VENV),
    "stackenv.lua.j2": describe_own_module(),
}
BLOCKS = [(name, block) for name, spec in SPECS.items() for block in (*spec.blocks, "help")]


def render_with_mamba() -> str:
    return render_module(describe_conda_module(WITH_MAMBA, default_configuration()))


def luacheck(*paths: Path) -> str:
    """Return what luacheck reports; empty if it accepts the files."""
    require("luacheck")
    done = subprocess.run(
        ["luacheck", "--no-color", "--quiet", "--config", ".luacheckrc", *map(str, paths)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_luacheck_accepts_the_lua_functions() -> None:
    assert FUNCTIONS
    assert luacheck(*(path.relative_to(CHECKOUT) for path in FUNCTIONS)) == ""


def test_luacheck_accepts_complete_modulefiles(tmp_path: Path) -> None:
    assert GOLDEN
    (tmp_path / "mamba.lua").write_text(render_with_mamba())
    assert luacheck(*GOLDEN, tmp_path / "mamba.lua") == ""


def test_luacheck_finds_a_function_that_lmod_does_not_have(tmp_path: Path) -> None:
    (tmp_path / "broken.lua").write_text('set_env("A", "1")\n')
    assert "undefined variable 'set_env'" in luacheck(tmp_path / "broken.lua")


@pytest.mark.parametrize("path", FUNCTIONS, ids=lambda path: path.stem)
def test_each_lua_file_defines_only_the_function_of_its_name(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"^function (\w+)\(", text, re.MULTILINE) == [path.stem]
    assert text.startswith("-- ") and text.endswith("end\n")


def test_each_lua_function_is_used_by_a_modulefile() -> None:
    cpu = describe_conda_environment_module(PACKED_CONDA)
    text = (
        "".join(path.read_text(encoding="utf-8") for path in GOLDEN)
        + render_module(cpu)
        + render_with_mamba()
    )
    assert {name for name in list_own_functions() if name not in text} <= {"require_cpu_features"}


# Code that occurs in Lua but in no shell.
LUA = re.compile(r"LmodError\(|mode\(\) [~=]=|os\.getenv|\blocal \w+ =|execute\{|pushenv\(")
# It recognizes a modulefile of stackenv 0.1 by its Lua code.
READS_LUA = "health/rules/managed_files.py"


def test_python_files_contain_no_lua() -> None:
    package = CHECKOUT / "src/stackenv"
    texts = {str(p.relative_to(package)): p.read_text(encoding="utf-8") for p in package.rglob("*.py")}
    assert len(texts) > 100
    assert [name for name, text in texts.items() if LUA.search(text)] == [READS_LUA]


def render_replaced(spec: ModuleSpec, block: str, folder: Path) -> str:
    """Return the text of `spec` with a site template that replaces `block` with a call of its own."""
    (folder / spec.template).write_text(
        f'{{% extends "stackenv/{spec.template}" %}}\n'
        f'{{% block {block} %}}\nLmodMessage("of the site")\n{{% endblock %}}\n'
    )
    return render_module(spec, folder)


# Blocks whose replacement does not make the text shorter.
ONE_LINE = ("before", "storage", "commands", "help", "site", "modules")


@pytest.mark.parametrize(("template", "block"), BLOCKS)
def test_a_site_template_can_replace_any_block(template: str, block: str, tmp_path: Path) -> None:
    spec = SPECS[template]
    own, shipped = (t.splitlines()[1:] for t in (render_replaced(spec, block, tmp_path), render_module(spec)))
    start = next(i for i, (a, b) in enumerate(zip(own, shipped)) if a != b)
    assert own[start] == 'LmodMessage("of the site")'
    rest = own[start + 1 :]
    assert rest == shipped[len(shipped) - len(rest) :]
    assert len(shipped) > len(own) or block in ONE_LINE
    assert compile_lua("\n".join(own)) == ""


LARGEST_VENV = 90
FIRST = 30


def test_the_modulefile_of_a_venv_is_short_and_begins_with_lmod_functions() -> None:
    """The venv is based on one module."""
    lines = render_module(describe_venv_module(VENV)).splitlines()
    assert len(VENV.modules) == 1
    assert len(lines) <= LARGEST_VENV
    first = [line.strip() for line in lines[:FIRST]]
    for word in ("whatis(", "extensions(", "family(", "depends_on(", "prepend_path{"):
        assert any(line.startswith(word) for line in first), word
    assert any('("VIRTUAL_ENV", prefix)' in line for line in first)
