"""The bindings to Lmod: real modulefiles, loaded by the real Lmod, compared with a load in bash."""

from __future__ import annotations

import os
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from built import LMOD
from trees_of_modules import Tree, compared, load_in_bash, quote_lua, write_stack

from stackenv.errors import ModuleError
from stackenv.lmod.bindings import Lmod
from stackenv.lmod.module_files import list_modulefiles
from stackenv.lmod.module_table import LoadedModule

HOSTILE = 'a\'b "c" \\d\\n é$HOME `id` ;x\t\x01' + "7%s"
PASTED = 'first\n_mlstatus = False\nos.environ["EVIL"] = "1";\nimport os\n'


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_load_returns_bashs_environment_even_if_python_variables_are_broken(tree) -> None:
    write_stack(tree)
    tree.write(
        "hostile/1",
        f'setenv("HOSTILE", {quote_lua(HOSTILE)})',
        'unsetenv("GOES") pushenv("PUSHED", "new")',
        'prepend_path{"PATH", "/first", priority=10} append_path("LISTED", "/a folder", ":")',
    )
    lmod = tree.lmod(GOES="x", PUSHED="old", STAYS="é\udcff", PYTHONHOME="/nowhere", PYTHONPATH="/no")
    in_bash = load_in_bash(lmod, "Bundle", "hostile")
    loaded = lmod.load("Bundle", "hostile")
    assert loaded.environ["HOSTILE"] == HOSTILE and "GOES" not in loaded.environ
    assert compared(loaded.environ) == compared(in_bash)
    assert replace(lmod, environ=loaded.environ).read_loaded() == replace(lmod, environ=in_bash).read_loaded()


def test_a_value_that_looks_like_lmod_output_is_kept_as_a_value(tree) -> None:
    tree.write("pasted/1", f'setenv("PASTED", {quote_lua(PASTED)})')
    environ = tree.lmod().load("pasted").environ
    assert environ["PASTED"] == PASTED and "EVIL" not in environ


def test_code_printed_by_a_module_is_not_run_and_does_not_break_the_load(tree, tmp_path) -> None:
    witness = tmp_path / "witness"
    tree.write(
        "loud/1",
        f"print([[__import__('pathlib').Path({str(witness)!r}).touch()]])",
        """print('os.environ["EVIL"] = "1";')""",
        """print('os.environ["BROKEN"] = "\\\\q";')""",
        """print('_mlstatus = False')""",
        'setenv("LOUD", "yes")',
    )
    environ = tree.lmod().load("loud").environ
    assert environ["LOUD"] == "yes" and not {"EVIL", "BROKEN"} & environ.keys() and not witness.exists()


def test_lmod_variables_set_for_the_call_are_not_in_the_returned_environment(tree) -> None:
    tree.write("plain/1", 'setenv("PLAIN", "1")')
    lmod = tree.lmod(LMOD_QUIET="1", LMOD_PAGER="less")
    after = {k: v for k, v in lmod.load("plain").environ.items() if k.startswith("LMOD_")}
    assert after == {"LMOD_QUIET": "1", "LMOD_PAGER": "less"}


def test_module_messages_are_kept_even_with_lmod_quiet(tree) -> None:
    tree.write("wordy/1", 'LmodMessage("read the news")')
    assert tree.lmod(LMOD_QUIET="1", LMOD_REDIRECT="yes").load("wordy").words == "read the news"


def test_module_messages_after_a_program_truncates_stderr_are_kept(tree) -> None:
    tree.write("opens/1", 'LmodMessage("lost") os.execute("echo two >/dev/stderr") LmodMessage("three")')
    assert tree.lmod().load("opens").words.splitlines()[-2:] == ["two", "three"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("scipy-bundle", "SciPy-bundle"),
        ("scipy-bundle/2023.07-gfbf-2023a", "SciPy-bundle/2023.07-gfbf-2023a"),
        ("SciPy-bundle/2023.07-gfbf-2023b", "SciPy-bundle/2023.07-gfbf-2023a"),
        ("scipy/1.0", ""),
    ],
)
def test_an_unknown_module_is_refused_with_the_closest_name_as_a_hint(tree, name: str, meant: str) -> None:
    for version in ("2023.07-gfbf-2023a", "2023.11-gfbf-2023b", "2023.11-gfbf-2023a"):
        tree.write(f"SciPy-bundle/{version}", "")
    with pytest.raises(ModuleError) as error:
        tree.lmod().load(name)
    hints = [f"did you mean: {meant}"] if meant else []
    assert error.value.hint == "; ".join([*hints, f"module spider {name}"])


def test_an_unknown_module_is_refused_with_lmods_words_and_a_spider_hint(tree) -> None:
    with pytest.raises(ModuleError, match="unknown") as error:
        tree.lmod().load("nowhere/1")
    assert '"nowhere/1"' in error.value.message and error.value.hint == "module spider nowhere/1"
    assert error.value.status == 7


@pytest.mark.parametrize(
    ("line", "words"),
    [('setenv("x"', "expected"), ('LmodError("not on this node")', "not on this node"), ("nil()", "nil")],
)
def test_a_broken_module_is_refused_with_lmods_words_and_its_file(tree, line, words) -> None:
    path = tree.write("broken/1", line)
    tree.write("fine/1", "")
    with pytest.raises(ModuleError, match=words) as error:
        tree.lmod().load("fine", "broken")
    assert str(path) in "".join(error.value.message.split("\n"))


def is_running(pid: Path) -> bool:
    try:
        return Path("/proc", pid.read_text().strip(), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_hanging_module_is_killed_with_its_child_processes(tree, tmp_path) -> None:
    pid = tmp_path / "pid"
    tree.write("hangs/1", f'capture("echo $$ > {pid}; sleep 600; true")')
    with pytest.raises(ModuleError, match=r"python load hangs did not end within 3 s"):
        tree.lmod(timeout_s=3).load("hangs")
    deadline = time.monotonic() + 10
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert pid.exists() and not is_running(pid)


def test_load_does_not_wait_for_a_daemon_that_a_module_starts(tree, tmp_path) -> None:
    pid = tmp_path / "pid"
    tree.write("daemon/1", f'os.execute("sleep 60 & echo $! > {pid}")', 'setenv("DAEMON", "1")')
    assert tree.lmod(timeout_s=30).load("daemon").environ["DAEMON"] == "1"
    assert is_running(pid)
    os.kill(int(pid.read_text()), signal.SIGKILL)


def test_a_module_that_reads_standard_input_gets_nothing(tree) -> None:
    tree.write("asks/1", 'setenv("ANSWER", "<" .. capture("cat") .. ">")')
    before, (reader, writer) = os.dup(0), os.pipe()
    os.dup2(reader, 0)
    try:
        assert tree.lmod(timeout_s=10).load("asks").environ["ANSWER"] == "<>"
    finally:
        os.dup2(before, 0)
        for descriptor in (before, reader, writer):
            os.close(descriptor)


def test_read_loaded_lists_modules_in_load_order_and_marks_the_requested(tree) -> None:
    write_stack(tree)
    assert tree.loaded("Bundle").read_loaded() == (
        LoadedModule("Compiler/1", str(tree.folder / "Compiler/1.lua"), False, 1),
        LoadedModule("Python/3.11", str(tree.folder / "Python/3.11.lua"), False, 2),
        LoadedModule("Bundle/2.0", str(tree.folder / "Bundle/2.0.lua"), True, 3),
    )


@pytest.mark.parametrize("names", [("Python", "Bundle"), ("Bundle", "Python")])
def test_a_dependency_the_user_also_loads_counts_as_requested(tree, names) -> None:
    write_stack(tree)
    loaded = tree.loaded(names[0])
    loaded = replace(loaded, environ=loaded.load(names[1]).environ)
    asked_for = {module.full_name for module in loaded.read_loaded() if module.asked_for}
    assert asked_for == {"Python/3.11", "Bundle/2.0"}


def test_a_module_table_in_several_pieces_with_odd_paths_is_read(tmp_path) -> None:
    (tmp_path / 'a "b" \\c é').mkdir()
    tree = Tree(tmp_path / 'a "b" \\c é')
    paths = {f"module{number}/1": str(tree.write(f"module{number}/1", "")) for number in range(12)}
    loaded = tree.loaded(*paths)
    assert int(loaded.environ["_ModuleTable_Sz_"]) > 3
    assert [(m.full_name, m.path) for m in loaded.read_loaded()] == list(paths.items())


def test_a_module_table_with_a_missing_piece_is_replaced_by_the_list_of_names(tree) -> None:
    write_stack(tree)
    environ = {**tree.loaded("Bundle").environ, "_ModuleTable_Sz_": "99"}
    loaded = replace(tree.lmod(), environ=environ).read_loaded()
    names = ["Compiler/1", "Python/3.11", "Bundle/2.0"]
    assert [(m.full_name, m.path) for m in loaded] == [(n, f"{tree.folder}/{n}.lua") for n in names]
    assert all(module.asked_for for module in loaded)


def test_purged_unloads_sticky_modules_and_keeps_the_users_variables(tree) -> None:
    write_stack(tree)
    loaded = tree.loaded("Bundle", MINE="x", PYTHONPATH="/mine")
    purged = loaded.purged()
    assert loaded.read_loaded() and purged.read_loaded() == ()
    left = {k: v for k, v in purged.environ.items() if not k.startswith(("_ModuleTable", "__LMOD_REF"))}
    assert left == tree.lmod(MINE="x", PYTHONPATH="/mine").environ


def test_available_lists_full_names_in_version_order(tree, tmp_path) -> None:
    for version in ("3.9.6-GCC-11.2.0", "3.11.3-GCC-12.3.0", "3.11.3-GCC-9.3.0", "3.11rc1", "R2023b", ".4.0"):
        tree.write(f"Python/{version}", "")
    for name in ("Deep/x/1", "python-tools/C++_1", "StdEnv"):
        tree.write(name, 'extensions("numpy/1.26.4")')
    (tree.folder / "Python/default").symlink_to("3.9.6-GCC-11.2.0.lua")
    (tree.folder / ".modulerc.lua").write_text(
        'module_alias("Py/3", "Python/3.11rc1")\nmodule_version("Python/3.11rc1", "new")\n'
        'hide_version("Python/R2023b")\n'
    )
    shutil.copytree(tree.folder, tmp_path / "again", symlinks=True)
    lmod = tree.lmod(MODULEPATH=f"{tree.folder}:{tmp_path / 'again'}")
    ordered = ("3.9.6-GCC-11.2.0", "3.11rc1", "3.11.3-GCC-9.3.0", "3.11.3-GCC-12.3.0")
    pythons = tuple(f"Python/{version}" for version in ordered)
    assert lmod.available() == ("Deep/x/1", *pythons, "python-tools/C++_1", "StdEnv")
    assert lmod.available("Python/3.11.3") == pythons[2:]
    assert lmod.available("nothing-like-it") == ()


def test_replace_missing_completes_partial_names_and_keeps_hidden_modules(tree) -> None:
    for name in ("Python/3.11.3", "Python/.3.12", "lib+x/1.0-a++"):
        tree.write(name, "")
    lmod = tree.lmod()
    there = ["Python/3.11.3", "Python/.3.12", "lib+x/1.0-a++"]
    assert lmod.replace_missing(there) == there
    assert lmod.replace_missing(["Python/3.11", "ython/3.11.3", "Perl/5"]) == ["Python/3.11.3"]
    assert lmod.replace_missing([]) == []


def test_list_modulefiles_finds_the_versions_that_lmod_offers(tree) -> None:
    for name in ("It/1.0", "It/1.10", "It/1.9", "It/.2.0", "It/deep/1", "Another/It/1", "It-er/1", "Single"):
        tree.write(name, "")
    folder = tree.folder / "It"
    (folder / "tcl").write_text("#%Module1.0\n")
    (folder / "README").write_text("no module\n")
    (folder / "left.lua~").write_text("")
    (folder / "gone.lua").symlink_to("nowhere.lua")
    (folder / "1.11.lua").symlink_to("1.10.lua")
    (folder / "default").symlink_to("1.9.lua")
    lmod = tree.lmod()
    for name in ("It", "Single", "Another", "Missing"):
        offered = [m for m in lmod.available(name) if (m.rpartition("/")[0] or m) == name]
        assert list(list_modulefiles(name, ["", "/nonexistent", str(tree.folder)])) == offered
    assert len(list_modulefiles("It", [str(tree.folder)])) == 5


def test_a_broken_module_does_not_break_avail_and_the_reverse_map(tree, tmp_path) -> None:
    bin_folder, lib = tmp_path / "sw/Python/3.11/bin", tmp_path / "sw/Python/3.11/lib é"
    bin_folder.mkdir(parents=True)
    lib.mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "sw")
    tree.write("Python/3.11", f'prepend_path("PATH", "{tmp_path}/link/Python/3.11/bin")')
    tree.write("Library/1", f'prepend_path("LD_LIBRARY_PATH", "{lib}")', 'whatis("a \\"b\\"\\n{")')
    tree.write("broken/1", 'setenv("x"')
    tree.write("loud/1", 'print("{}")', 'io.stdout:write("{")', 'LmodError("loud")')
    (tmp_path / "lmod").symlink_to(LMOD)
    lmod = Lmod(str(tmp_path / "lmod"), tree.lmod(MODULEPATH=f"relative::{tree.folder}").environ)
    assert lmod.spider_reverse_map() == {
        str(bin_folder): ("Python/3.11",),
        f"{tmp_path}/link/Python/3.11/bin": ("Python/3.11",),
        str(lib): ("Library/1",),
    }
    assert "Python/3.11" in lmod.available()


def test_the_reverse_map_lists_all_modules_with_the_same_folder(tree) -> None:
    for name in ("Python/3.11", "Bundle/1", "another/1.0"):
        tree.write(name, 'prepend_path("PATH", "/sw/Python/3.11/bin")')
    found = tree.lmod().spider_reverse_map()
    assert found == {"/sw/Python/3.11/bin": ("Bundle/1", "Python/3.11", "another/1.0")}


@pytest.mark.parametrize("names", [("breaks",), ("fine", "breaks"), ("breaks/1", "fine/1")])
def test_a_module_that_calls_lmodbreak_is_an_error(tree, names) -> None:
    tree.write("breaks/1", 'LmodBreak("not on a Sunday")')
    tree.write("fine/1", 'setenv("FINE", "1")')
    with pytest.raises(ModuleError, match="not on a Sunday") as error:
        tree.lmod().load(*names)
    assert "breaks" in error.value.message.splitlines()[0]


def test_an_alias_and_a_partial_name_can_be_loaded(tree) -> None:
    tree.write("Deep/x/1.0", 'setenv("DEEP", "1")')
    (tree.folder / ".modulerc.lua").write_text('module_alias("shallow/1", "Deep/x/1.0")\n')
    for name in ("shallow/1", "Deep/x", "Deep/x/1.0"):
        assert tree.lmod().load(name).environ["DEEP"] == "1"
    assert tree.loaded("Deep/x").load("shallow/1").environ["DEEP"] == "1"


def test_the_reverse_map_is_empty_if_no_module_extends_path(tree) -> None:
    tree.write("nothing/1", "")
    assert tree.lmod().spider_reverse_map() == {}
    assert tree.lmod(MODULEPATH="").spider_reverse_map() == {}


def test_a_module_that_hangs_spider_is_an_error_after_the_timeout(tree) -> None:
    tree.write("hangs/1", 'capture("sleep 600")')
    with pytest.raises(ModuleError, match=r"spider -o spider-json .* did not end within 2 s"):
        tree.lmod(timeout_s=2).spider_reverse_map()
