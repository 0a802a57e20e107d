"""Lmod's output is read, also that of versions not installed here, which is imitated; and Lmod is found."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

import pytest
from built import LMOD

from stackenv.errors import ModuleError, StackenvError
from stackenv.lmod.bindings import Lmod, find_lmod
from stackenv.lmod.module_table import (
    LoadedModule,
    TableError,
    TableReader,
    read_changes,
    read_loaded_modules,
)
from stackenv.lmod.versions import software_of

ANSWER = 'import os\nos.environ["A"] = "1";\n'


def encode_table(text: str) -> dict[str, str]:
    """Return the variables in which Lmod stores the table `text`, in pieces of 512 characters."""
    encoded = base64.urlsafe_b64encode(text.encode()).decode()
    pieces = [encoded[at : at + 512] for at in range(0, len(encoded), 512)]
    numbered = {f"_ModuleTable{number:03}_": piece for number, piece in enumerate(pieces, 1)}
    return {**numbered, "_ModuleTable_Sz_": str(len(pieces))}


@pytest.mark.parametrize(
    ("module", "software"),
    [
        ("SciPy-bundle/2023.07-gfbf-2023a", "SciPy-bundle"),
        ("lang/SciPy-bundle/2023.07", "SciPy-bundle"),
        ("Python/3.11.3/GCCcore-12.3.0", "Python"),
        ("7zip/22.01", "7zip"),
        ("Python", "Python"),
    ],
)
def test_the_software_name_is_taken_from_the_module_name(module: str, software: str) -> None:
    assert software_of(module) == software


# Imitates python.lua of Lmod 9, which does not run here.
@pytest.mark.parametrize(
    ("end", "succeeded"),
    [
        ("_mlstatus = True\n", True),
        ("_mlstatus = False\n", False),
        ("_mlstatus = True\n_mlstatus = False\n", False),
        ("_mlstatus = True", True),
        ("", None),
    ],
)
def test_the_last_mlstatus_counts_in_imitated_output_of_lmod_9(end, succeeded) -> None:
    assert read_changes(ANSWER + end) == ({"A": "1"}, succeeded)


# Imitates python.lua of Lmod 7 to 9, which do not run here.
@pytest.mark.parametrize(
    "deletion",
    [
        'os.environ["K"] = \'\'\ndel os.environ["K"]\n',
        "os.environ['K'] = ''\ndel os.environ['K']\n",
        'os.environ["K"] = "";\ndel os.environ["K"];\n',
    ],
)
def test_a_deleted_variable_is_read_from_imitated_output_of_lmod_7_to_9(deletion) -> None:
    assert read_changes(f"import os\n{deletion}_mlstatus = True\n") == ({"K": None}, True)


# Imitates the format %q of Lua 5.1 to 5.4, which do not run here.
@pytest.mark.parametrize(
    ("quoted", "value"),
    [
        (r'"a\"b\\c\'d"', "a\"b\\c'd"),
        ('"one\\\ntwo\\\n_mlstatus = False\\\n"', "one\ntwo\n_mlstatus = False\n"),
        (r'"\0131\9x\127"', "\r1\tx\x7f"),
        (r'"\r\t\195\169"', "\r\té"),
        (r'"\x41"', "A"),
        ('"Ã©"', "é"),
        ('"import os"', "import os"),
        ('""', ""),
    ],
)
def test_strings_are_read_from_imitated_output_of_lua_5_1_to_5_4(quoted, value) -> None:
    output = f'import os\nos.environ["K"] = {quoted};\n_mlstatus = True\n'
    assert read_changes(output) == ({"K": value}, True)


@pytest.mark.parametrize(
    "printed",
    [
        'os.environ["EVIL"] = "1";\n',
        'os.environ["EVIL"] = "1',
        'os.environ["EVIL"] = "open\\\n',
        "import os\nos.environ['EVIL'] = '1'\n_mlstatus = False\n",
        'os.environ["EVIL"] = os.popen("id").read();\n',
        'x = 1; os.environ["EVIL"] = "1";\n',
        "no end of line ",
        "\\\n\x00\xff\n",
    ],
)
def test_text_printed_before_the_answer_is_ignored(printed) -> None:
    assert read_changes(f"{printed}{ANSWER}_mlstatus = True\n") == ({"A": "1"}, True)


@pytest.mark.parametrize("output", ["", "false\n", 'os.environ["A"] = "1";\n', "<html>\n"])
def test_output_of_another_program_is_neither_success_nor_failure(output) -> None:
    assert read_changes(output) == ({}, None)


def test_a_string_with_an_invalid_lua_escape_is_not_read_as_an_answer() -> None:
    assert read_changes('import os\nos.environ["A"] = "\\999";\n_mlstatus = True\n') == ({}, None)


# Imitates mt.lua of Lmod 9, which does not run here.
TABLE_OF_9 = """_ModuleTable_ = {
MTversion = 3,
c_rebuildTime = 86400.0,
c_shortTime = false,
conflictT = {
Python = {
{sType = "load", userName = "Other"},
},
},
depthT = {},
family = {},
mT = {
Bundle = {
actionA = {
"prepend_path(\\"MODULEPATH\\",\\"/sw/a \\\\ b\\")",
},
depends_on_anyA = {},
fn = "/modules/Bundle/2.lua",
forbiddenT = {},
fullName = "Bundle/2",
loadOrder = 2,
moduleKindT = {
kind = "lua",
},
origUserName = "Bundle",
propT = {},
ref_count = 0,
stackDepth = 0,
status = "active",
userName = "Bundle",
wV = "000000002.*zfinal",
},
Gone = {
fn = "/modules/Gone/1.lua",
fullName = "Gone/1",
loadOrder = -1,
propT = {},
stackDepth = 0,
status = "inactive",
},
["py-thon"] = {
fn = "/modules/é/3.lua",
fullName = "py-thon/3",
loadOrder = 1,
mcmdT_64 = {
["L2E="] = {[[one
two]], [==[three ]] ]==], 'four'},
},
propT = {
lmod = {
sticky = 1,
},
},
ref_count = 1,
stackDepth = 1,
status = "active",
wV = false,
},
},
mpathA = {
"/modules", "/more",
},
systemBaseMPATH = "/modules:/more",
}
"""


def test_the_loaded_modules_are_read_from_an_imitated_table_of_lmod_9() -> None:
    assert read_loaded_modules(encode_table(TABLE_OF_9)) == (
        LoadedModule("py-thon/3", "/modules/é/3.lua", asked_for=False, order=1),
        LoadedModule("Bundle/2", "/modules/Bundle/2.lua", asked_for=True, order=2),
    )


def test_a_table_in_standard_base64_or_without_its_size_is_read() -> None:
    environ = encode_table(TABLE_OF_9.replace("/more", "/m>>>???ore"))
    expected = read_loaded_modules(environ)
    assert expected and any("_" in piece or "-" in piece for piece in environ.values())
    plain = {name: piece.translate(str.maketrans("-_", "+/")) for name, piece in environ.items()}
    assert read_loaded_modules(plain) == expected
    del environ["_ModuleTable_Sz_"]
    assert read_loaded_modules(environ) == expected


def test_each_kind_of_lua_key_and_value_is_read() -> None:
    text = """_ModuleTable_={a=-1;b=1.5,[3]="x","first",["k k"]=nil,{true,{}},[==[
long]]]==]}"""
    expected = {"a": -1, "b": 1.5, 3: "x", 1: "first", "k k": None, 2: {1: True, 2: {}}}
    assert TableReader(text.replace(",[==[\nlong]]]==]", "")).read("_ModuleTable_") == expected
    assert TableReader(text).read("_ModuleTable_")[3] == "long]]"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "_ModuleTable_ = nil",
        "other = {}",
        "_ModuleTable_ = {} os.exit()",
        "_ModuleTable_ = {a = os.getenv('HOME')}",
        "_ModuleTable_ = {a = 1 + 1}",
        "_ModuleTable_ = {a = 'b' .. 'c'}",
        "_ModuleTable_ = {a = function() end}",
        "_ModuleTable_ = {a = }",
        "_ModuleTable_ = {1 2}",
        "_ModuleTable_ = {[{}] = 1}",
        "_ModuleTable_ = {[nil] = 1}",
        "_ModuleTable_ = {a = '\\q'}",
        "_ModuleTable_ = {a = 'open",
        "_ModuleTable_ = {",
        "_ModuleTable_ = " + 10_000 * "{" + 10_000 * "}",
    ],
)
def test_an_invalid_table_is_refused_and_loadedmodules_is_read_instead(text) -> None:
    with pytest.raises(TableError):
        TableReader(text).read("_ModuleTable_")
    environ = {**encode_table(text), "LOADEDMODULES": "a/1::b/2", "_LMFILES_": "/m/a/1.lua"}
    assert read_loaded_modules(environ) == (
        LoadedModule("a/1", "/m/a/1.lua", asked_for=True, order=1),
        LoadedModule("b/2", "", asked_for=True, order=2),
    )


@pytest.mark.parametrize("name", ["", "-t", "--help", "a b", "a\nb"])
def test_an_invalid_module_name_is_not_passed_to_lmod(name) -> None:
    with pytest.raises(ModuleError, match="is not a module name"):
        Lmod("/nowhere/lmod", {}).load(name)


def test_a_program_that_is_not_lmod_or_is_missing_is_reported() -> None:
    with pytest.raises(ModuleError, match="/bin/true python load plain did not answer as Lmod does"):
        Lmod("/bin/true", {}).load("plain")
    with pytest.raises(ModuleError, match="/nowhere/lmod cannot be started: No such file"):
        Lmod("/nowhere/lmod", {}).load("plain")
    with pytest.raises(ModuleError, match="spider was not found beside /bin/true"):
        Lmod("/bin/true", {"MODULEPATH": "/modules"}).spider_reverse_map()


def test_lmod_is_found_by_its_variables_and_on_path(tmp_path) -> None:
    folder = Path(LMOD).parent
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/lmod").symlink_to(LMOD)
    assert find_lmod({"LMOD_CMD": LMOD, "PATH": str(tmp_path / "bin")}) == LMOD
    assert find_lmod({"LMOD_CMD": "/nowhere", "PATH": str(tmp_path / "bin")}) == str(tmp_path / "bin/lmod")
    assert find_lmod({"LMOD_CMD": str(folder), "LMOD_DIR": str(folder)}) == str(folder / "lmod")
    assert find_lmod({"LMOD_PKG": str(folder.parent)}) == str(folder / "lmod")


def test_the_error_for_a_missing_lmod_names_lmod_cmd(monkeypatch) -> None:
    monkeypatch.setattr("stackenv.lmod.bindings.USUAL_PREFIXES", ())
    with pytest.raises(StackenvError, match="Lmod was not found") as error:
        Lmod.find({"PATH": ""})
    assert "LMOD_CMD=" in error.value.hint


def test_importing_the_lmod_bindings_does_not_import_packaging() -> None:
    code = "import sys, stackenv.lmod.bindings; print('packaging' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
