"""Keys that are valid by themselves but not together: storage, channels, final keys."""

from __future__ import annotations

import pytest

PURGED = "where environments lose files; allowed: a folder that is not purged"
URLS = (
    "https://repo.anaconda.com/pkgs/main, https://repo.anaconda.com/pkgs/r, "
    "https://repo.anaconda.com/pkgs/msys2"
)


@pytest.mark.parametrize("parent", ["${SCRATCH}", "${SCRATCH}/", "${SCRATCH}/a", "${SCRATCH}//a"])
def test_storage_on_purged_storage_is_refused(faults, parent):
    (line,) = faults(
        "conda:\n  storage:\n    - {parent: /a, environments: b, packages: c}\n"
        f"    - environments: b\n      packages: c\n      parent: {parent}\n"
    )
    assert line.startswith("7: conda.storage[1].parent: ")
    assert line.endswith(f" is on purged storage ('${{SCRATCH}}'), {PURGED}")


@pytest.mark.parametrize("parent", ["${SCRATCH}2", "${SCRATCH_OLD}", "/a/${SCRATCH}"])
def test_a_parent_that_only_resembles_purged_storage_is_allowed(load, parent):
    text = f"conda: {{storage: [{{parent: '{parent}', environments: b, packages: c}}]}}\n"
    assert load(text).storage[0].parent.text == parent


def test_a_purged_folder_below_the_parent_is_refused(faults):
    (line,) = faults(
        "conda:\n  purged_storage: [/data/tmp]\n"
        "  storage: [{parent: /data, environments: envs, packages: tmp/pkgs}]\n"
    )
    assert line == f"4: conda.storage[0].parent: '/data' is on purged storage ('/data/tmp'), {PURGED}"


def test_purged_storage_can_be_the_root_folder(faults):
    (line,) = faults(
        "conda:\n  purged_storage: [/]\n  storage: [{parent: /data, environments: envs, packages: pkgs}]\n"
    )
    assert "'/data' is on purged storage ('/')" in line


def test_a_default_place_on_purged_storage_is_an_error_at_purged_storage(faults):
    assert faults("conda:\n  purged_storage:\n    - /a\n    - ${HOME}\n") == [
        f"5: conda.purged_storage[1]: '${{HOME}}' is on purged storage ('${{HOME}}'), {PURGED}",
        f"5: conda.purged_storage[1]: '${{HOME}}/venvs' is on purged storage ('${{HOME}}'), {PURGED}",
    ]


def test_an_error_elsewhere_does_not_hide_purged_storage(faults):
    lines = faults("conda:\n  init: x\n  purged_storage: ['${HOME}']\n")
    assert [line.split(": ")[1] for line in lines] == ["conda.init"] + 2 * ["conda.purged_storage[0]"]


@pytest.mark.parametrize("denied", ["conda-forge", "https://conda.anaconda.org/conda-forge/"])
def test_a_channel_cannot_be_both_default_and_denied(faults, denied):
    assert faults(f"conda:\n  channels:\n    denied:\n      - a\n      - {denied}\n") == [
        f"6: conda.channels.denied[1]: {denied!r} is in both default and denied; "
        "allowed: in one of the two lists"
    ]


def test_denying_defaults_with_replace_defaults_suggests_the_urls(faults):
    assert faults("conda:\n  channels:\n    replace_defaults: true\n    denied: [defaults]\n") == [
        "5: conda.channels.denied[0]: with replace_defaults, `defaults` means the default list, "
        f"which would be denied; allowed: the URLs to deny: {URLS}"
    ]


def test_denying_defaults_without_replace_defaults_is_allowed(load):
    assert load("conda: {channels: {denied: [defaults]}}\n").channels.denied == ("defaults",)


def test_denying_the_urls_with_replace_defaults_is_allowed(load):
    text = f"conda: {{channels: {{replace_defaults: true, denied: [{URLS}]}}}}\n"
    assert load(text).channels.denied == tuple(URLS.split(", "))


def test_replace_defaults_requires_default_channels(faults):
    assert faults("conda:\n  channels:\n    default: []\n    replace_defaults: true\n") == [
        "5: conda.channels.replace_defaults: true, but conda.channels.default is empty; "
        "allowed: true with channels in default"
    ]


def test_the_list_that_replaces_defaults_cannot_contain_defaults(faults):
    (line,) = faults("conda:\n  channels:\n    default: [a, defaults]\n    replace_defaults: true\n")
    assert line.startswith("4: conda.channels.default[1]: with replace_defaults, `defaults` means")


def test_an_empty_default_list_is_allowed(load):
    assert load("conda: {channels: {default: []}}\n").channels.default == ()


@pytest.mark.parametrize("key", ["default", "denied"])
@pytest.mark.parametrize("channel", ["a b", "a,b"])
def test_two_channels_in_one_text_are_refused(faults, key, channel):
    assert faults(f"conda:\n  channels:\n    {key}: ['{channel}']\n") == [
        f"4: conda.channels.{key}[0]: {channel!r} is not one channel; "
        "allowed: a channel's name or URL, without spaces and commas"
    ]


@pytest.mark.parametrize("channel", ["5", "''", "[a]", "null"])
def test_a_channel_that_is_not_text_is_refused(faults, channel):
    (line,) = faults(f"conda: {{channels: {{default: [a, {channel}]}}}}\n")
    assert line.startswith("2: conda.channels.default[1]: found ")


@pytest.mark.parametrize(
    ("key", "instead"),
    [
        ("channels", "conda.channels.default"),
        ("channel", "conda.channels.default"),
        (
            "default_channels",
            "conda.channels.default with conda.channels.replace_defaults: true",
        ),
        ("denylist_channels", "conda.channels.denied"),
        ("envs_dirs", "environments in conda.storage"),
        ("envs_path", "environments in conda.storage"),
        ("pkgs_dirs", "packages in conda.storage"),
        ("pkgs_path", "packages in conda.storage"),
    ],
)
def test_a_condarc_key_with_its_own_setting_is_refused_and_names_it(faults, key, instead):
    assert faults(f"conda:\n  condarc:\n    ssl_verify: true\n    {key}: [a]\n") == [
        f"5: conda.condarc.{key}: not allowed in conda.condarc; allowed: {instead}"
    ]


@pytest.mark.parametrize("key", ["a b", "-a", "é", "a" * 101, ""])
def test_an_invalid_condarc_key_is_refused(faults, key):
    (line,) = faults(f"conda:\n  condarc:\n    '{key}': 1\n")
    assert line.endswith(": not a conda key; allowed: letters, digits, _ and -, at most 100")


@pytest.mark.parametrize("name", ["channels", "channel", "envs_dirs", "envs_path", "pkgs_dirs", "pkgs_path"])
def test_channels_and_folders_cannot_be_final(faults, name):
    (line,) = faults(f"conda:\n  condarc: {{a: 1}}\n  final:\n    - a\n    - {name}\n")
    assert line.startswith(f"6: conda.final[1]: '{name}' cannot be final: ")


def test_a_final_key_that_is_not_written_suggests_the_nearest(faults):
    assert faults("conda: {final: [ssl_verfy], condarc: {ssl_verify: true, a: 1}}\n") == [
        "2: conda.final[0]: 'ssl_verfy' is not written to the condarc; "
        'allowed: ssl_verify, a; did you mean "ssl_verify"?'
    ]


@pytest.mark.parametrize("name", ["default_channels", "denylist_channels"])
def test_a_channel_list_that_is_not_written_cannot_be_final(faults, name):
    assert faults(f"conda: {{final: [{name}]}}\n") == [
        f"2: conda.final[0]: '{name}' is not written to the condarc; "
        "allowed: nothing, because the site configuration writes no such key"
    ]


@pytest.mark.parametrize(
    ("name", "channels"),
    [("default_channels", "replace_defaults: true"), ("denylist_channels", "denied: [a]")],
)
def test_a_channel_list_that_is_written_can_be_final(load, name, channels):
    assert load(f"conda: {{final: [{name}], channels: {{{channels}}}}}\n").final == (name,)


@pytest.mark.parametrize("comment", ["#!final", "# !final", "#final", "#!final really"])
@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("conda:\n  channels: @\n    default: [a]\n", "3: conda.channels: #!final on channels: "),
        (
            "conda:\n  channels:\n    default:\n      - a  @\n",
            "5: conda.channels.default[0]: #!final on channels: ",
        ),
        (
            "conda:\n  condarc:\n    ssl_verify: '#' @\n",
            "4: conda.condarc.ssl_verify: #!final in a comment has no effect; "
            "allowed: the key's name in conda.final",
        ),
        ("conda:\n  channels: {default: [ @\n    a]}\n", "3: conda.channels: #!final on channels"),
        ("conda: {} @", "2: conda: #!final in a comment has no effect"),
    ],
)
def test_a_final_comment_is_refused(faults, text, start, comment):
    lines = faults(text.replace("@", comment))
    assert [line[: len(start)] for line in lines] == [start]


@pytest.mark.parametrize("key", ["envs_dirs", "pkgs_dirs", "channels"])
def test_a_final_comment_on_a_forbidden_key_is_a_second_error(faults, key):
    lines = faults(f"conda:\n  condarc:\n    {key}: #!final\n      - /a\n")
    assert [line.split(": ")[2] for line in lines] == [
        f"#!final on {key}",
        "not allowed in conda.condarc; allowed",
    ]


def test_a_final_comment_after_a_block_indicator_is_refused(faults):
    assert any(
        line.startswith("4: conda.condarc.a: #!final in a comment")
        for line in faults("conda:\n  condarc:\n    a: |- #!final\n      b\n")
    )


@pytest.mark.parametrize(
    "text",
    [
        "# never write #!final here\nconda: {}\n",
        "conda:\n  # channels: #!final\n  init: warn\n",
        "conda:\n  init: warn # finally\n",
        "conda:\n  condarc: {a: 'b #!final'}\n",
        "conda:\n  condarc: {a: b#!final}\n",
    ],
)
def test_other_comments_and_texts_are_not_final_comments(load, text):
    assert load(text).final == ()


def test_personal_environments_on_purged_storage_are_refused(faults):
    assert faults("personal:\n  environments: ['${HOME}/venvs', '${SCRATCH}/venvs']\n") == [
        f"3: personal.environments[1]: '${{SCRATCH}}/venvs' is on purged storage ('${{SCRATCH}}'), {PURGED}"
    ]


def test_an_empty_list_of_personal_environments_is_refused(faults):
    assert faults("personal:\n  environments: []\n") == [
        "3: personal.environments: found []; allowed: at least one folder"
    ]
