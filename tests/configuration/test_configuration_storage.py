"""The places for environments and packages: which parents, and folders below them, are allowed."""

from __future__ import annotations

import pytest

from stackenv.configuration.path_template import Literal, Variable


def test_an_empty_storage_list_is_allowed(load):
    assert load("conda: {storage: []}\n").storage == ()


def test_a_parent_is_parsed_into_literals_and_variables(load):
    (place,) = load(
        "conda: {storage: [{parent: '/scratch//${USER}-${X_1}/./a/', "
        "environments: envs/, packages: ./pkgs}]}\n"
    ).storage
    assert place.parent.text == "/scratch/${USER}-${X_1}/a"
    assert place.parent.parts == (
        Literal("/scratch/"),
        Variable("USER"),
        Literal("-"),
        Variable("X_1"),
        Literal("/a"),
    )
    assert (place.environments, place.packages) == ("envs", "pkgs")


NO_VARIABLE = "allowed: variables written as ${NAME}, of letters, digits and _"


@pytest.mark.parametrize(
    ("parent", "problem"),
    [
        ("a/b", "'a/b' is a relative path; allowed: an absolute path, or one that begins"),
        ("~/a", "'~/a' has a ~, which only a shell expands; allowed: ${HOME}"),
        ("/a/~b", "'/a/~b' has a ~, which only a shell expands; allowed: ${HOME}"),
        ("$HOME/a", f"'$HOME/a' has a $ without braces; {NO_VARIABLE}"),
        ("/a$", f"'/a$' has a $ without braces; {NO_VARIABLE}"),
        ("${HOME", f"'${{HOME' has a ${{ that is never closed; {NO_VARIABLE}"),
        ("${}", f"'${{}}' names '${{}}', which is not a variable's name; {NO_VARIABLE}"),
        ("${1A}", f"'${{1A}}' names '${{1A}}', which is not a variable's name; {NO_VARIABLE}"),
        ("${A:-b}", "'${A:-b}' names '${A:-b}', which is not a variable's name; "),
        ("/a:b", "'/a:b' contains ':', which separates paths in conda's list variables; allowed: a path"),
        ("/a,b", "'/a,b' contains ',', which separates paths in conda's list variables; allowed: a path"),
        ("/a/../b", "'/a/../b' contains '..'; allowed: a path without '..'"),
        ("/a ", "'/a ' begins or ends with white space, which conda strips; allowed: a path"),
        ("", "found the text ''; allowed: a folder such as ${WORKSPACE}"),
    ],
)
def test_an_invalid_parent_is_an_error_that_says_what_is_allowed(faults, parent, problem):
    (line,) = faults(
        "conda:\n  storage:\n    - {parent: /good, environments: a, packages: b}\n"
        f"    - environments: a\n      packages: b\n      parent: '{parent}'\n"
    )
    assert line.startswith(f"7: conda.storage[1].parent: {problem}")


@pytest.mark.parametrize("key", ["environments", "packages"])
@pytest.mark.parametrize(
    ("folder", "problem"),
    [
        ("/a", "'/a' is absolute; allowed: a path below the parent"),
        ("a/../../b", "'a/../../b' contains '..'; allowed: a path without '..'"),
        ("./", "'./' is the parent itself; allowed: a path below the parent"),
        ("${USER}/a", "'${USER}/a' names a variable; allowed: a path below the parent"),
        ("a,b", "'a,b' contains ',', which separates paths in conda's list variables"),
        (" a", "' a' begins or ends with white space, which conda strips"),
        ("~/a", "'~/a' has a ~, which only a shell expands"),
    ],
)
def test_an_invalid_folder_is_an_error_that_says_what_is_allowed(faults, key, folder, problem):
    other = {"environments": "packages", "packages": "environments"}[key]
    (line,) = faults(f"conda:\n  storage:\n    - parent: /a\n      {other}: x\n      {key}: '{folder}'\n")
    assert line.startswith(f"6: conda.storage[0].{key}: {problem}")


def test_a_colon_in_environments_is_refused(faults):
    text = "conda: {storage: [{parent: /a, environments: 'a:b', packages: c}]}\n"
    assert "contains ':', which separates paths in conda's list variables" in faults(text)[0]


def test_a_colon_in_packages_is_allowed(load):
    text = "conda: {storage: [{parent: /a, environments: b, packages: 'c:d'}]}\n"
    assert load(text).storage[0].packages == "c:d"


@pytest.mark.parametrize(
    ("environments", "packages"), [("a", "a"), ("a", "./a/"), ("a/b", "a"), ("a", "a/b")]
)
def test_environments_and_packages_inside_each_other_are_refused(faults, environments, packages):
    (line,) = faults(
        "conda:\n  storage:\n    - parent: /a\n"
        f"      environments: {environments}\n      packages: {packages}\n"
    )
    assert line.startswith("4: conda.storage[0]: environments ")
    assert line.endswith("allowed: two folders beside each other")


def test_folders_with_a_common_name_prefix_are_allowed(load):
    text = "conda: {storage: [{parent: /a, environments: env, packages: env-pkgs}]}\n"
    assert load(text).storage[0].packages == "env-pkgs"


def test_each_missing_key_of_a_place_is_an_error_at_the_places_line(faults):
    assert faults("conda:\n  storage:\n    - {}\n    - packages: a\n") == [
        f"{line}: conda.storage[{item}].{key}: missing; allowed: this key with a value"
        for line, item, key in [
            (4, 0, "environments"),
            (4, 0, "packages"),
            (4, 0, "parent"),
            (5, 1, "environments"),
            (5, 1, "parent"),
        ]
    ]
