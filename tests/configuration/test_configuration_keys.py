"""Each key by itself: which values are allowed, and the line of the error for any other value."""

from __future__ import annotations

import pytest

CONDA_KEYS = (
    "names, base_on_path, storage, purged_storage, channels, condarc, final, init, user_site, "
    "hide_modules, native_activation, module_roots, pythonpath_notice, export_function, "
    "empty_package_cache, freeze_base, load_test, templates"
)
DISTRIBUTIONS = "Anaconda3, Miniconda3, Miniforge3, Mambaforge"
SHELLS = "bash, zsh, ksh, mksh, dash, tcsh, fish"


def test_a_missing_version_is_an_error(faults):
    assert faults("conda: {}\n", head="") == [
        "1: version: missing; allowed: version: 1, at the top of the file"
    ]


@pytest.mark.parametrize(
    ("value", "found"),
    [("2", "2"), ("yes", "the boolean true"), ("1.0", "the number 1.0"), ("'1'", "the text '1'")],
)
def test_a_version_that_is_not_1_is_an_error(faults, value, found):
    assert faults(f"# x\nversion: {value}\n", head="") == [
        f"2: version: found {found}; allowed: 1, the version that this stackenv reads"
    ]


def test_another_version_is_the_only_error_of_its_file(faults):
    assert len(faults("version: 2\nunknown: 1\n", head="")) == 1


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "pyton: {}\n",
            "2: pyton: unknown key; allowed: version, conda, personal, caches, pack, jobs, limits; "
            'did you mean "python"?',
        ),
        (
            "channels: {}\n",
            "2: channels: unknown key; allowed: version, conda, personal, caches, pack, jobs, limits; "
            'did you mean "conda.channels"?',
        ),
        (
            "conda:\n  init: warn\n  chanels: {}\n",
            f'4: conda.chanels: unknown key; allowed: {CONDA_KEYS}; did you mean "channels"?',
        ),
        (
            "conda:\n  shells: [bash]\n",
            f'3: conda.shells: unknown key; allowed: {CONDA_KEYS}; did you mean "conda.load_test.shells"?',
        ),
        (
            "conda:\n  load_test:\n    init: warn\n",
            '4: conda.load_test.init: unknown key; allowed: shells, timeout_s; did you mean "conda.init"?',
        ),
        ("conda:\n  xyzzy: 1\n", f"3: conda.xyzzy: unknown key; allowed: {CONDA_KEYS}"),
        (
            "conda:\n  storage:\n    - parent: /a\n      envronments: b\n"
            "      environments: b\n      packages: c\n",
            "5: conda.storage[0].envronments: unknown key; "
            'allowed: parent, environments, packages; did you mean "environments"?',
        ),
    ],
)
def test_an_unknown_key_is_an_error_that_suggests_the_nearest(faults, text, fault):
    assert faults(text) == [fault]


@pytest.mark.parametrize("name", ["python", "kernels"])
class TestReservedSections:
    @pytest.mark.parametrize("value", ["null", "{}", ""])
    def test_an_empty_section_is_allowed(self, load, name, value):
        assert load(f"{name}: {value}\n") == load("")

    @pytest.mark.parametrize("value", ["{a: 1}", "[]", "no", "0"])
    def test_a_section_with_content_is_refused(self, faults, name, value):
        assert faults(f"{name}: {value}\n") == [
            f"2: {name}: reserved for a later version of stackenv; allowed: null or {{}}"
        ]


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("base_on_path: maybe", "found the text 'maybe'; allowed: true or false"),
        ("hide_modules: 'no'", "found the text 'no'; allowed: true or false"),
        ("pythonpath_notice: 1", "found the number 1; allowed: true or false"),
        ("export_function: null", "found nothing (null); allowed: true or false"),
        ("empty_package_cache: []", "found the list []; allowed: true or false"),
        ("freeze_base: {a: 1}", "found the mapping {'a': 1}; allowed: true or false"),
        (
            "init: refused",
            "found the text 'refused'; allowed: refuse, warn, allow; did you mean \"refuse\"?",
        ),
        ("init: no", "found the boolean false; allowed: refuse, warn, allow"),
        ("user_site: 5", "found the number 5; allowed: hide, show"),
        ("names: Anaconda3", "found the text 'Anaconda3'; allowed: a list of names"),
        ("storage: null", "found nothing (null); allowed: a list of mappings (or [])"),
        ("storage: {}", "found the mapping {}; allowed: a list of mappings (or [])"),
        ("purged_storage: /a", "found the text '/a'; allowed: a list of folders"),
        ("channels: [a]", "found the list ['a']; allowed: a mapping"),
        ("condarc: 5", "found the number 5; allowed: a mapping"),
        ("final: ssl_verify", "found the text 'ssl_verify'; allowed: a list of keys"),
        ("load_test: true", "found the boolean true; allowed: a mapping"),
        (
            "templates: relative",
            "found the text 'relative'; allowed: null or the absolute path of a folder that exists",
        ),
        (
            "templates: /nowhere/at/all",
            "found the text '/nowhere/at/all'; allowed: null or the absolute path of a folder that exists",
        ),
        (
            "templates: 5",
            "found the number 5; allowed: null or the absolute path of a folder that exists",
        ),
    ],
)
def test_a_wrong_value_is_shown_with_the_allowed_ones(faults, setting, problem):
    key = setting.split(":")[0]
    assert faults(f"conda:\n  # a comment\n  {setting}\n") == [f"4: conda.{key}: {problem}"]


@pytest.mark.parametrize("value", ["the text 'spack'", "the number 5"])
def test_an_unknown_distribution_is_an_error_with_its_line(faults, value):
    lines = faults(f"conda:\n  names:\n    - Miniforge3\n    - {value.split()[-1]}\n")
    assert lines == [f"5: conda.names[1]: found {value}; allowed: {DISTRIBUTIONS}"]


def test_a_distribution_in_the_wrong_case_gets_a_suggestion(faults):
    assert faults("conda: {names: [MINIFORGE3]}\n")[0].endswith('did you mean "Miniforge3"?')


def test_load_test_shells_without_bash_are_refused(faults):
    assert faults("conda:\n  load_test:\n    shells: [zsh]\n") == [
        "4: conda.load_test.shells: bash is missing; allowed: a list with bash, the shell of batch scripts"
    ]


def test_an_unknown_shell_is_an_error_that_suggests_the_nearest(faults):
    assert faults("conda: {load_test: {shells: [bash, csh]}}\n") == [
        f"2: conda.load_test.shells[1]: found the text 'csh'; allowed: {SHELLS}; did you mean \"tcsh\"?"
    ]


@pytest.mark.parametrize("value", ["0", "3601", "-1", "1.5", "yes", "'60'", "null"])
def test_a_timeout_outside_1_to_3600_whole_seconds_is_refused(faults, value):
    (line,) = faults(f"conda: {{load_test: {{timeout_s: {value}}}}}\n")
    assert line.endswith("allowed: whole seconds from 1 to 3600")


@pytest.mark.parametrize("value", [1, 3600])
def test_timeouts_of_1_and_3600_seconds_are_allowed(load, value):
    assert load(f"conda: {{load_test: {{timeout_s: {value}}}}}\n").load_test.timeout_s == value


@pytest.mark.parametrize(("word", "value"), [("yes", True), ("off", False), ("True", True)])
def test_yaml_spellings_of_booleans_are_read(load, word, value):
    assert load(f"conda: {{freeze_base: {word}}}\n").freeze_base is value


def test_an_existing_templates_folder_is_read_as_a_path(load, tmp_path):
    assert load(f"conda: {{templates: {tmp_path}}}\n").templates == tmp_path


def test_a_list_replaces_the_default(load):
    assert load("conda: {names: [Mambaforge]}\n").names == ("Mambaforge",)


def test_a_mapping_is_merged_with_the_default(load):
    load_test = load("conda: {load_test: {timeout_s: 5}}\n").load_test
    assert (load_test.timeout_s, load_test.shells) == (5, tuple(SHELLS.split(", ")))


@pytest.mark.parametrize("section", ["channels", "condarc", "load_test"])
def test_a_section_with_only_comments_changes_nothing(load, section):
    assert load(f"conda:\n  {section}:\n    # nothing\n") == load("")


def test_all_errors_of_a_file_are_listed_in_line_order(faults):
    lines = faults(
        "nonsense: 1\nconda:\n  init: x\n  storage:\n    - 5\n    - {parent: a}\n"
        "  load_test: {timeout_s: 0}\n  names: [x, y]\n"
    )
    assert [line.split(": ")[:2] for line in lines] == [
        ["2", "nonsense"],
        ["4", "conda.init"],
        ["6", "conda.storage[0]"],
        ["7", "conda.storage[1].environments"],
        ["7", "conda.storage[1].packages"],
        ["7", "conda.storage[1].parent"],
        ["8", "conda.load_test.timeout_s"],
        ["9", "conda.names[0]"],
        ["9", "conda.names[1]"],
    ]


def test_a_long_value_is_cut_in_the_message(faults):
    (line,) = faults(f"conda: {{init: {'x' * 5000}}}\n")
    assert len(line) < 200
