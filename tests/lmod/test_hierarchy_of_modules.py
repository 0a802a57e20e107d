"""The modules that a module of a hierarchy requires, as the spider of a real Lmod reports them."""

from __future__ import annotations

from pathlib import Path

import pytest
from trees_of_modules import Tree, quote_lua

from stackenv.errors import ModuleError
from stackenv.lmod.spider import list_versions, read_ways

A, B = ("GCC/1", "MPI/1", "Bundle/2.0"), ("GCC/2", "MPI/2", "Bundle/10.0")
# Wrapped at the width of a terminal, and as the pages of another site show it.
WRAPPED = """\

----------------------------------------------------------------------------
  gromacs: gromacs/2024.4
----------------------------------------------------------------------------
    Description:
      Before
      this line

    You will need to load all module(s) on any one of the lines below before the
    "gromacs/2024.4" module is available to load.

      StdEnv/2023  gcc/12.3  openmpi/4.1.5
      StdEnv/2023  gcc/12.3  openmpi/4.1.5  cuda/12.2

    Help:
      More
"""


def use(folder: Path) -> str:
    return f'prepend_path("MODULEPATH", {quote_lua(str(folder))})'


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Return two compilers with an MPI and a bundle behind each; Alone can be loaded directly."""
    tree, below = Tree(tmp_path), tmp_path / "below"
    for (gcc, mpi, bundle), number in ((A, 1), (B, 2)):
        tree.write(gcc, use(below / f"c{number}"))
        tree.write(f"../below/c{number}/{mpi}", use(below / f"m{number}"))
        tree.write(f"../below/m{number}/{bundle}", f'setenv("BUNDLE", "{number}")')
    tree.write("../below/c1/Both/1", "")
    tree.write("../below/c2/Both/1", "")
    tree.write("Alone/1", "")
    tree.write("Alone/2", "")
    return tree


def test_ways_to_lists_the_ways_to_each_version_oldest_first(tree) -> None:
    lmod = tree.lmod()
    assert lmod.ways_to("Bundle") == [A, B]
    assert lmod.ways_to("Bundle/10.0") == [B]
    assert lmod.ways_to("Both") == [("GCC/1", "Both/1"), ("GCC/2", "Both/1")]
    assert lmod.ways_to("Alone") == [("Alone/1",), ("Alone/2",)]
    assert lmod.ways_to("undle") == lmod.ways_to("Bundle/3") == lmod.ways_to("Missing") == []


def test_required_modules_are_added_in_front(tree) -> None:
    lmod = tree.lmod()
    assert lmod.add_required_modules(["Alone", "Bundle/2.0"], []) == ["Alone", *A]
    assert lmod.add_required_modules(["Bundle", "Both"], ["GCC/2", "MPI/2"]) == [*B, "Both/1"]
    # A module that is already named decides, too.
    assert lmod.add_required_modules(["GCC/1", "Both"], []) == ["GCC/1", "Both/1"]
    assert lmod.add_required_modules(["Missing", "Alone/3"], []) == ["Missing", "Alone/3"]
    assert lmod.load(*lmod.add_required_modules(["Bundle/10.0"], [])).environ["BUNDLE"] == "2"


def test_several_ways_to_a_module_are_an_error_that_lists_them(tree) -> None:
    with pytest.raises(
        ModuleError, match=r"several possibilities:\n  -m GCC/1 -m Both/1\n  -m GCC/2 -m Both/1\n"
    ):
        tree.lmod().add_required_modules(["Both/1"], [])


def test_missing_modules_are_replaced_by_the_newest_behind_the_newest_compiler(tree) -> None:
    lmod = tree.lmod()
    assert lmod.list_replacements(A) == dict(zip(A, A))
    (tree.folder / "GCC/1.lua").unlink()
    assert lmod.list_replacements(A) == dict(zip(A, B))
    assert lmod.replace_missing(A) == list(B)


def test_a_module_missing_behind_its_compiler_is_replaced_from_behind_another(tree) -> None:
    (tree.folder / "../below/m1/Bundle/2.0.lua").unlink()
    lmod = tree.lmod()
    assert lmod.list_replacements(A) == {"GCC/1": "GCC/1", "MPI/1": "MPI/1", "Bundle/2.0": ""}
    assert lmod.replace_missing(["Alone/1", *A]) == ["Alone/1", *B]


def test_a_hanging_spider_adds_no_modules(tree) -> None:
    tree.write("hangs/1", 'if mode() == "spider" then capture("sleep 600") end')
    assert tree.lmod(timeout_s=2).add_required_modules(["Both/1"], ["GCC/1"]) == ["Both/1"]


def test_wrapped_spider_output_is_read() -> None:
    way = ("StdEnv/2023", "gcc/12.3", "openmpi/4.1.5")
    assert read_ways(WRAPPED) == ("gromacs/2024.4", [way, (*way, "cuda/12.2")])
    assert read_ways('Lmod has detected the following error: Unable to find: "x".\n') == ("", [])
    assert list_versions(WRAPPED) == []
