"""Allowed names of modules, and allowed paths of environments."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from trees import describe_tree, list_files
from users import User

BAD = (
    *("../evil", "a/b", "new\nline", "it's", '"quoted"', "-dash", "", " ", "é", "x" * 300, "default", "."),
    *("..", ".hidden", "a;b", "$HOME", "a b", "it.lua", "latest"),
)


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("which", ["name", "version", "adopted"])
def test_an_invalid_module_name_or_version_is_refused_and_nothing_changes(
    user: User, name: str, which: str
) -> None:
    (user.home / "env/conda-meta").mkdir(parents=True)
    before = describe_tree(user.home)
    arguments = {
        "name": ("create", "--", name),
        "version": ("create", f"--version={name}", "it"),
        "adopted": ("adopt", "--", "env", name),
    }[which]
    refused = user.stackenv(*arguments)
    assert refused.returncode == 2, refused.stderr
    assert f"{name!r} is not a valid module {'version' if which == 'version' else 'name'}" in refused.stderr
    assert "letters, digits and . _ + -" in refused.stderr
    assert describe_tree(user.home) == before


@pytest.mark.parametrize(
    "command", [("create", "stackenv"), ("adopt", "env", "stackenv")], ids=lambda c: c[0]
)
def test_stackenv_is_refused_as_the_name_of_a_module(user: User, command: tuple[str, ...]) -> None:
    (user.home / "env/conda-meta").mkdir(parents=True)
    before = describe_tree(user.home)
    refused = user.stackenv(*command)
    assert refused.returncode == 2 and "the name of stackenv's own module" in refused.stderr
    assert describe_tree(user.home) == before


def test_an_environment_at_a_path_with_spaces_and_quotes_works(user: User) -> None:
    path = "odd 'place' é & ü/env (1);#"
    made = user.stackenv("create", "it", "--path", path, load=[user.stack.bundle_module])
    assert made.returncode == 0, made.stderr
    used = user.run(
        f"{made.stdout.strip()} && python -c 'import numpy, sys; print(sys.prefix)' && command -v pip && "
        "pip install -q six && python -c 'import six; print(six.__file__)'"
    )
    assert used.stdout.splitlines()[0] == str(user.home / path), used.stderr
    assert used.stdout.splitlines()[1] == str(user.home / path / "bin/pip"), used.stderr
    assert used.stdout.splitlines()[2].startswith(str(user.home / path)), used.stderr


@pytest.mark.parametrize("path", ["a:b", "a\nb", "a\x1bb", "/"])
def test_a_path_with_a_colon_or_control_character_and_the_root_are_refused(user: User, path: str) -> None:
    refused = user.stackenv("create", "it", "--path", path, load=[user.stack.bundle_module])
    assert refused.returncode in (2, 9), refused.stderr
    assert list_files(user.home) == [] and not (user.home / "modules").exists()


@pytest.mark.parametrize("what", ["folder", "file", "link to an empty folder", "link to nothing"])
def test_an_existing_folder_file_or_link_is_refused_and_kept(user: User, what: str) -> None:
    place = user.home / "there"
    (user.home / "empty").mkdir()
    if what == "folder":
        place.mkdir()
        (place / "mine").write_text("precious")
    elif what == "file":
        place.write_text("precious")
    else:
        place.symlink_to("empty" if "empty" in what else "nowhere")
    before = describe_tree(user.home)
    for dry_run in ([], ["--dry-run"]):
        refused = user.stackenv("create", "it", "--path", "there", *dry_run, load=[user.stack.bundle_module])
        assert refused.returncode == 9, refused.stderr
        assert str(place) in refused.stderr and "stackenv adopt" in refused.stderr
        assert describe_tree(user.home) == before


def test_an_empty_folder_is_used_and_left_empty_when_create_fails(user: User) -> None:
    place = user.home / "there"
    place.mkdir()
    failed = user.stackenv(
        "create", "it", "--path", "there", "no-such-package", load=[user.stack.bundle_module]
    )
    assert failed.returncode == 10
    assert list_files(user.home) == [] and list(place.iterdir()) == []
    made = user.stackenv("create", "it", "--path", "there/", load=[user.stack.bundle_module])
    assert made.returncode == 0, made.stderr
    assert (place / "pyvenv.cfg").exists()


def test_missing_parent_folders_are_created_and_removed_when_create_fails(user: User) -> None:
    arguments = ("create", "it", "--path", "a/b/c/env")
    failed = user.stackenv(*arguments, "no-such-package", load=[user.stack.bundle_module])
    assert failed.returncode == 10 and not (user.home / "a").exists()
    made = user.stackenv(*arguments, load=[user.stack.bundle_module])
    assert made.returncode == 0 and (user.home / "a/b/c/env/bin/python").exists()


def test_a_path_on_purged_storage_is_refused_even_through_a_link(user: User, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (user.home / "big").symlink_to(scratch)
    for path in (str(scratch / "env"), "big/env", f"venvs/../../{scratch.name}/env"):
        refused = user.stackenv(
            "create", "it", "--path", path, load=[user.stack.bundle_module], SCRATCH=str(scratch)
        )
        assert refused.returncode == 2 and "deletes old files" in refused.stderr, refused.stderr
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("marker", ["pyvenv.cfg", "conda-meta"])
def test_an_environment_inside_another_is_refused(user: User, marker: str) -> None:
    outer = user.home / "outer"
    outer.mkdir()
    (outer / marker).mkdir() if marker == "conda-meta" else (outer / marker).touch()
    refused = user.stackenv("create", "it", "--path", "outer/deep/env", load=[user.stack.bundle_module])
    assert refused.returncode == 2 and f"inside the environment {outer}" in refused.stderr
    assert not (outer / "deep").exists()


def test_an_environment_in_the_folder_of_modules_is_refused(user: User) -> None:
    refused = user.stackenv("create", "it", "--path", "modules/it/env", load=[user.stack.bundle_module])
    assert refused.returncode == 2 and "folder of modules" in refused.stderr
    assert not os.path.lexists(user.modules)
