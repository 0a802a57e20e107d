"""`stackenv kernel add`: the kernel's folder and names, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from answers import read_result
from jupyters import Jupyter
from labs import NAME, adopt, kernels_of, listed, make_venv, read
from people import COMMAND, Person
from stacked import WORK


def test_the_kernel_uses_the_ipykernel_of_the_stack(owner: Person, tmp_path: Path) -> None:
    with Jupyter(tmp_path, owner.environ) as jupyter:
        jupyter.start(NAME)
        found = jupyter.run(
            "import ipykernel, json, sys; print(json.dumps([ipykernel.__file__, sys.prefix]))"
        )
    assert found[0].startswith(str(WORK / "jupyter"))
    assert found[1] == str(owner.home / "own/lab")


def test_add_prints_the_kernel_folder_and_the_display_name(person: Person) -> None:
    adopt(person)
    done = person.stackenv("kernel", "add", "lab")
    assert done.stdout == f"{kernels_of(person) / NAME}\n"
    assert "'lab/1.0 (Jupyter/1)'" in done.stderr


def test_an_added_kernel_is_listed(owner: Person) -> None:
    added = read_result(owner.stackenv("kernel", "add", "lab", "--json").stdout)
    (found,) = listed(owner)
    assert (found["name"], found["state"], found["problem"]) == (added["name"], "ok", "")
    assert added["name"] == NAME


@pytest.mark.parametrize("words", [("add", "lab"), ("add", "lab", "--install"), ("remove", "lab")])
def test_a_dry_run_changes_nothing(owner: Person, words: tuple[str, ...]) -> None:
    before = owner.tree()
    done = owner.stackenv("kernel", *words, "--dry-run")
    assert str(kernels_of(owner) / NAME) in done.stdout
    assert owner.tree() == before


def test_adding_again_overwrites_the_kernel_in_place(owner: Person) -> None:
    owner.stackenv("kernel", "add", "lab", "--display-name", 'Biology "2" — ä')
    assert read(owner)["display_name"] == 'Biology "2" — ä'
    assert [path.name for path in kernels_of(owner).iterdir()] == [NAME]


@pytest.mark.parametrize("text", ["", "  ", "two\nlines", "x" * 201])
def test_an_invalid_display_name_is_refused(owner: Person, text: str) -> None:
    done = owner.stackenv("kernel", "add", "lab", "--display-name", text, status=2)
    assert "cannot be the name of a kernel" in done.stderr


def test_a_missing_ipykernel_is_refused_with_an_install_hint(person: Person) -> None:
    adopt(person, "bare", "Bundle/1")
    before = person.tree()
    done = person.stackenv("kernel", "add", "bare", status=1)
    assert "is not installed in bare/1.0 or its base modules" in done.stderr
    assert "hint: stackenv kernel add bare/1.0 --install" in done.stderr
    assert person.tree() == before


def test_a_broken_ipykernel_is_refused_with_its_import_error(owner: Person) -> None:
    packages = next((owner.home / "own/lab/lib").iterdir()) / "site-packages/ipykernel"
    packages.mkdir()
    (packages / "__init__.py").write_text("import no_such_thing\n")
    done = owner.stackenv("kernel", "add", "lab", status=1)
    assert "No module named 'no_such_thing'" in done.stderr


def test_a_failed_install_creates_no_kernel(person: Person) -> None:
    person.create("bare")
    done = person.stackenv("kernel", "add", "bare", "--install", status=10)
    assert "No matching distribution found for ipykernel" in done.stderr.partition("error: pip could")[0]
    assert "pip could not install ipykernel" in done.stderr
    assert not kernels_of(person).exists()


def test_install_without_pip_is_refused_with_an_ensurepip_hint(person: Person) -> None:
    adopt(person, "bare", "Bundle/1")
    done = person.stackenv("kernel", "add", "bare", "--install", status=10)
    assert "bare/1.0 has no pip" in done.stderr
    assert "hint: ml bare/1.0; python -m ensurepip; then run the same command again" in done.stderr
    assert not kernels_of(person).exists()


def test_an_environment_that_cannot_be_loaded_is_refused(owner: Person) -> None:
    modulepath = {"MODULEPATH": str(owner.home)}
    record = owner.home / "own/lab/stackenv/record.json"
    record.write_text(record.read_text().replace(owner.site.modulepath, str(owner.home)))
    done = owner.stackenv("kernel", "add", "lab", status=7, **modulepath)
    assert "lab/1.0 could not be loaded" in done.stderr


def test_an_environment_without_python_is_refused(owner: Person) -> None:
    (owner.home / "own/lab/bin/python").unlink()
    done = owner.stackenv("kernel", "add", "lab", status=1)
    assert "own/lab/bin/python does not exist, or links to a Python that no longer exists" in done.stderr


def test_a_foreign_kernel_of_the_same_name_is_kept(person: Person) -> None:
    foreign = kernels_of(person) / NAME.upper() / "kernel.json"
    foreign.parent.mkdir(parents=True)
    foreign.write_text('{"argv": [], "display_name": "mine", "language": "python"}')
    adopt(person)
    person.stackenv("kernel", "add", "lab")
    assert json.loads(foreign.read_text())["display_name"] == "mine"
    assert read(person, f"{NAME}-2")["display_name"] == "lab/1.0 (Jupyter/1)"
    person.stackenv("kernel", "remove", "lab")
    assert [path.name for path in kernels_of(person).iterdir()] == [NAME.upper()]
    done = person.stackenv("kernel", "remove", NAME, status=1)
    assert f"stackenv kernel {NAME} not found in" in done.stderr
    assert foreign.is_file()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"metadata": {"stackenv": 1}}', '{"metadata": []}'])
def test_an_invalid_or_foreign_kernel_json_is_left_out_of_the_list(owner: Person, text: str) -> None:
    other = kernels_of(owner) / "other/kernel.json"
    other.parent.mkdir()
    other.write_text(text)
    assert [found["name"] for found in listed(owner)] == [NAME]


@pytest.mark.parametrize(
    ("variable", "folder"), [("JUPYTER_DATA_DIR", "data"), ("XDG_DATA_HOME", "data/jupyter")]
)
def test_the_kernel_is_added_where_jupyter_looks(
    person: Person, tmp_path: Path, variable: str, folder: str
) -> None:
    adopt(person)
    person.environ[variable] = str(tmp_path / "data")
    done = person.stackenv("kernel", "add", "lab")
    assert done.stdout == f"{tmp_path}/{folder}/kernels/{NAME}\n"
    with Jupyter(tmp_path, person.environ) as jupyter:
        assert jupyter.ask("list")[NAME]["resource_dir"] == done.stdout.strip()


def test_a_relative_jupyter_data_dir_is_refused(owner: Person) -> None:
    done = owner.stackenv("kernel", "add", "lab", status=1, JUPYTER_DATA_DIR="relative")
    assert "'relative' is not an absolute path" in done.stderr


def test_special_characters_in_path_name_and_version_work(person: Person, tmp_path: Path) -> None:
    path = tmp_path / "o'dd \\ ä & (x)"
    make_venv(person, path)
    person.stackenv("adopt", str(path), "C++_Lab", "-m", "Jupyter/1", "--version", "1.0+x")
    person.stackenv("kernel", "add", "C++_Lab")
    (found,) = listed(person)
    assert found["name"] == "stackenv-c--_lab-1.0-x"
    with Jupyter(tmp_path, person.environ) as jupyter:
        jupyter.start(found["name"])
        assert jupyter.run("import json, sys; print(json.dumps(sys.prefix))") == str(path)


def test_a_path_with_braces_that_jupyter_replaces_is_refused(person: Person) -> None:
    adopt(person, folder="{connection_file}")
    done = person.stackenv("kernel", "add", "lab", status=1)
    assert "Jupyter replaces words in braces" in done.stderr


def test_project_and_personal_kernels_of_the_same_name_coexist(person: Person, tmp_path: Path) -> None:
    project = tmp_path / "genomics"
    project.mkdir()
    path = project / "own/lab"
    make_venv(person, path)
    shared = ("--shared", str(project))
    person.stackenv("adopt", str(path), "lab", "-m", "Jupyter/1", *shared)
    adopt(person)
    for arguments in ((), shared):
        person.stackenv("kernel", "add", "lab", *arguments)
    names = {found["display_name"]: found["name"] for found in listed(person)}
    assert names == {"lab/1.0 (Jupyter/1)": NAME, "lab/1.0 of genomics (Jupyter/1)": f"{NAME}-2"}
    person.stackenv("kernel", "remove", "lab", *shared)
    assert [found["name"] for found in listed(person)] == [NAME]
    person.stackenv("kernel", "remove", "lab", *shared, status=1)


@pytest.mark.parametrize(("umask", "file", "folder"), [("077", 0o600, 0o700), ("027", 0o640, 0o750)])
def test_kernel_files_follow_the_umask(person: Person, umask: str, file: int, folder: int) -> None:
    adopt(person)
    done = person.shell(f'umask {umask}; "{COMMAND}" kernel add lab')
    assert done.returncode == 0, done.stderr
    made = kernels_of(person) / NAME
    assert {path.stat().st_mode & 0o777 for path in made.iterdir()} == {file}
    assert {made.stat().st_mode & 0o777, made.parent.stat().st_mode & 0o777} == {folder}
