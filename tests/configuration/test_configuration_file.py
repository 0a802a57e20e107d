"""Which file is read, and the errors that are found before any key is interpreted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stackenv.configuration import site_file
from stackenv.configuration.loader import load_configuration
from stackenv.configuration.site_file import find_configuration_file
from stackenv.errors import ConfigurationError


@pytest.fixture
def system_file(tmp_path, monkeypatch):
    path = tmp_path / "etc" / "site.yaml"
    monkeypatch.setattr(site_file, "SYSTEM_FILE", path)
    return path


def test_the_variable_wins_over_the_system_file(tmp_path, system_file):
    system_file.parent.mkdir()
    system_file.touch()
    mine = tmp_path / "mine.yaml"
    mine.touch()
    assert find_configuration_file({"STACKENV_SITE_CONFIG": str(mine)}) == mine


def test_a_relative_path_in_the_variable_becomes_absolute(tmp_path, monkeypatch, system_file):
    (tmp_path / "mine.yaml").touch()
    monkeypatch.chdir(tmp_path)
    assert find_configuration_file({"STACKENV_SITE_CONFIG": "mine.yaml"}) == tmp_path / "mine.yaml"


def test_a_missing_file_is_an_error_that_names_the_variable(tmp_path, system_file):
    missing = tmp_path / "missing.yaml"
    with pytest.raises(ConfigurationError) as caught:
        find_configuration_file({"STACKENV_SITE_CONFIG": str(missing)})
    assert str(missing) in caught.value.message
    assert "STACKENV_SITE_CONFIG" in caught.value.message


@pytest.mark.parametrize("environ", [{}, {"STACKENV_SITE_CONFIG": ""}])
def test_the_system_file_is_used_without_the_variable(system_file, environ):
    system_file.parent.mkdir()
    system_file.touch()
    assert find_configuration_file(environ) == system_file


def test_a_dangling_link_is_used_instead_of_the_default(system_file):
    system_file.parent.mkdir()
    system_file.symlink_to("nowhere")
    assert find_configuration_file({}) == system_file


def test_the_shipped_default_is_used_without_variable_and_system_file(system_file):
    path = find_configuration_file({})
    assert path.parts[-2:] == ("site-config", "default.yaml")
    assert load_configuration(path).path == path


def test_the_hint_names_a_file_that_explains_the_keys(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(tmp_path)
    assert Path(caught.value.hint.split()[-1]).is_file()


def message_of(path: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(path)
    return caught.value.message


def test_a_file_that_does_not_exist_is_an_error(tmp_path):
    path = tmp_path / "gone"
    assert message_of(path) == f"{path}: cannot be read: No such file or directory"


def test_a_folder_is_an_error(tmp_path):
    assert message_of(tmp_path) == f"{tmp_path}: this is a folder; allowed: a YAML file"


def test_a_named_pipe_is_an_error_and_does_not_block(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "not a regular file" in message_of(pipe)


def test_an_unreadable_file_is_an_error(configuration_path, monkeypatch):
    configuration_path.touch()

    def refuse(*_arguments, **_options):
        raise PermissionError(13, "Permission denied")

    # The tests may run as root, who can read everything.
    monkeypatch.setattr(os, "open", refuse)
    assert message_of(configuration_path) == f"{configuration_path}: cannot be read: Permission denied"


def test_a_nul_in_the_path_is_an_error():
    assert "cannot be read" in message_of(Path("/tmp/a\0b"))


def test_a_file_of_1_mib_and_a_byte_is_an_error(faults):
    text = b"version: 1\n#"
    assert faults(text.ljust(1024 * 1024 + 1, b"x")) == [" the file is too large; allowed: at most 1 MiB"]


def test_a_file_of_1_mib_is_read(configuration_path):
    configuration_path.write_bytes(b"version: 1\n#".ljust(1024 * 1024, b"x"))
    assert load_configuration(configuration_path).version == 1


@pytest.mark.parametrize("text", [b"", b"\n\n", b"# nothing\n"])
def test_an_empty_file_is_an_error(faults, text):
    assert faults(text) == ["1: the file is empty; allowed: a mapping, with version: 1"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"a: 1\nb: \xff\n", "2: the file is not UTF-8"),
        ("version: 1".encode("utf-16"), "1: the file is not UTF-8"),
        (b"a: 1\nbc\0: 2\n", "2:3: control character U+0000"),
        (b"a: 1\r\nb: \x1b\r\n", "2:4: control character U+001B"),
        ("a: 1\n# \u2028\n".encode(), "2:3: control character U+2028"),
        (b"a: 1\nb: [\n", "3:1: invalid YAML: while parsing a flow node, expected"),
        (b"a: 1\nb: {c: ${HOME}/x, d: 1}\n", '2:9: put quotes around "${HOME}/x" inside { }'),
        (b"a: [b, /x/${A}/${B}]\n", '1:12: put quotes around "/x/${A}/${B}" inside [ ]'),
        (b"a: 1\n\tb: 2\n", "2:1: invalid YAML: while scanning for the next token, found character"),
        (b"a: 1\n---\nb: 1\n", "2:1: invalid YAML: expected a single document in the stream"),
        (b"%YAML 2.0\n---\na: 1\n", "1:1: invalid YAML: found incompatible YAML document"),
        (b'a: 1\nb: "\\UFFFFFFFF"\n', "2:7: invalid YAML: a number out of range"),
        (b"- a\n", "1: (top level): found the list ['a']; allowed: a mapping"),
        (b"# x\nnull\n", "2: (top level): found nothing (null); allowed: a mapping"),
        (b"a: 1\nb: &x 1\nc: *x\n", "2:4: anchors (&) and aliases (*) are not supported"),
        (b"a: &x [*x]\n", "1:4: anchors (&) and aliases (*) are not supported"),
        (b"a: *x\n", "1:4: anchors (&) and aliases (*) are not supported"),
        (b"a:\n  !!python/object/apply:os.system [x]\n", "2:3: the tag 'tag:yaml.org,2002:python"),
        (b"a: !!str 1\n", "1:4: the tag 'tag:yaml.org,2002:str' is not supported"),
        (b"a: ! 1\n", "1:4: the tag '!' is not supported"),
        (b"[" * 100000, "1:21: nested too deep; allowed: 20 levels"),
        (b"a: " + b"{a: " * 30, "1:77: nested too deep; allowed: 20 levels"),
    ],
)
def test_a_file_that_is_not_a_configuration_is_one_error(faults, text, fault):
    lines = faults(text)
    assert [line[: len(fault)] for line in lines] == [fault]


def test_a_byte_order_mark_is_ignored(configuration_path):
    configuration_path.write_bytes(b"\xef\xbb\xbfversion: 1\n")
    assert load_configuration(configuration_path).version == 1


def test_windows_line_ends_do_not_shift_line_numbers(faults):
    assert faults(b"version: 1\r\nconda:\r\n  init: x\r\n") == [
        "3: conda.init: found the text 'x'; allowed: refuse, warn, allow"
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("conda: {}\nconda: {}\n", "3: conda: given twice, first on line 2; allowed: once"),
        (
            "conda:\n  condarc:\n    a: {b: 1,\n      b: 2}\n",
            "5: conda.condarc.a.b: given twice, first on line 4; allowed: once",
        ),
        (
            "conda:\n  condarc:\n    yes: 1\n",
            "4: conda.condarc: YAML does not read the key 'yes' as text; allowed: text, in quotes if needed",
        ),
        (
            "? [a]\n: b\n",
            "2: (top level): YAML does not read the key '[a]' as text; allowed: text, in quotes if needed",
        ),
        (
            "conda:\n  condarc:\n    a: 2024-01-01\n",
            "4: conda.condarc.a: found the date 2024-01-01; allowed: a date in quotes",
        ),
        (
            "conda:\n  condarc:\n    a: 0x_\n",
            "4: conda.condarc.a: the text '0x_' is not a number; allowed: text in quotes",
        ),
        (
            'conda:\n  condarc:\n    a:\n      - b\n      - "c\\nd"\n',
            "6: conda.condarc.a[1]: the text 'c\\nd' contains a line break; "
            "allowed: one line of printable text",
        ),
        (
            "conda:\n  init: |\n    warn\n",
            "3: conda.init: the text 'warn\\n' contains a line break; allowed: one line of printable text",
        ),
        (
            'conda:\n  templates: "/a\\0b"\n',
            "3: conda.templates: the text '/a\\x00b' contains a control character U+0000; "
            "allowed: one line of printable text",
        ),
        (
            'conda:\n  condarc: {a: "\\ud800"}\n',
            "3: conda.condarc.a: the text '\\ud800' contains a control character U+D800; "
            "allowed: one line of printable text",
        ),
    ],
)
def test_yaml_that_hides_a_mistake_is_an_error_at_its_key(faults, text, fault):
    assert faults(text) == [fault]


def test_a_line_break_in_a_key_is_an_error_shown_escaped(faults):
    assert faults('conda:\n  condarc:\n    "a\\nb": 1\n')[0].startswith(
        "4: conda.condarc.'a\\nb': the text 'a\\nb' contains a line break"
    )


def test_merge_keys_are_unknown_keys(faults):
    assert faults("<<: {conda: {}}\n") == [
        "2: <<: unknown key; allowed: version, conda, personal, caches, pack, jobs, limits"
    ]


def test_a_million_digits_are_refused_at_once(faults):
    assert "is not a number" in faults("conda:\n  condarc:\n    a: " + "1" * 10**6)[0]
