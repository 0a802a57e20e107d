"""Before a build installs the site's condarc, the installed conda is asked whether it accepts the file."""

from __future__ import annotations

import pytest

from stackenv.conda.condarc_validation import validate_condarc
from stackenv.conda.installation import CondaInstallation
from stackenv.configuration.loader import load_configuration
from stackenv.errors import ConfigurationError

MODULE = "Anaconda3/2024.02-1"


@pytest.fixture
def validate(built_modules, tmp_path):
    """A function that has the built conda, 24.7.1, check the condarc of a site configuration."""
    installation = CondaInstallation("Anaconda3", MODULE, f"{built_modules.software}/{MODULE}")
    (tmp_path / ".condarc").write_text("ssl_verify: maybe\n")

    def ask(conda: str, root: str = installation.root) -> list[str]:
        file = tmp_path / "site.yaml"
        file.write_text(f"version: 1\nconda: {conda}\n")
        environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "CONDA_SSL_VERIFY": "maybe"}
        where = CondaInstallation("Anaconda3", MODULE, root)
        return list(validate_condarc(where, load_configuration(file), environ))

    return ask


@pytest.mark.parametrize(
    ("condarc", "words"),
    [
        ("ssl_verify: maybe", "ssl_verify: Parameter ssl_verify = 'maybe' is invalid"),
        ("channel_alias: x", "channel_alias: Parameter _channel_alias = 'x' is invalid"),
        ("pinned_packages: 7", "pinned_packages: Parameter pinned_packages = 7 has type int"),
        ("offline: false, always_yes: perhaps", "always_yes: conda fails on this value"),
    ],
    ids=["a wrong word", "an alias", "another type", "a value on which conda's own code fails"],
)
def test_a_value_that_conda_rejects_is_reported_with_its_key(validate, tmp_path, condarc, words) -> None:
    with pytest.raises(ConfigurationError) as raised:
        validate(f"{{condarc: {{{condarc}}}}}")
    lines = raised.value.message.splitlines()
    assert lines[0].startswith("conda 24.7.1 of ") and f"rejects keys of {tmp_path}/site.yaml" in lines[0]
    assert len(lines) == 2 and lines[1].strip().startswith(f"conda.condarc.{words}")
    assert f"stackenv site check {tmp_path}/site.yaml" in raised.value.hint


def test_keys_that_depend_on_each_other_are_checked_together(validate) -> None:
    assert validate("{condarc: {client_ssl_cert: /c, client_ssl_cert_key: /k, ssl_verify: /etc}}") == []
    with pytest.raises(ConfigurationError, match="'client_ssl_cert' is required"):
        validate("{condarc: {client_ssl_cert_key: /k}}")


def test_a_key_unknown_to_this_conda_is_a_warning(validate) -> None:
    (warning,) = validate("{condarc: {channel_prioritty: strict, auto_activate_base: false}}")
    assert warning.startswith("conda.condarc.channel_prioritty has no effect: conda 24.7.1 does not know")
    assert warning.endswith('; did you mean "channel_priority"?')
    (warning,) = validate("{channels: {denied: [bad]}}")
    assert warning.startswith("conda.channels.denied has no effect: ")
    assert warning.endswith("does not know the key denylist_channels")
    (warning,) = validate("{condarc: {envs: [/x]}}")
    assert warning.endswith('; did you mean "environments in conda.storage"?')


@pytest.mark.parametrize(
    ("condarc", "key"),
    [
        ('ssl_verify: "$EBROOTANACONDA3/cacert.pem"', "ssl_verify"),
        ("verify_ssl: /not/here/cacert.pem, client_ssl_cert_key: /k, client_ssl_cert: $C", "verify_ssl"),
        ('channel_alias: "$MIRROR/conda"', "channel_alias"),
    ],
    ids=["a variable in a path", "a path, and an alias", "a variable in an address"],
)
def test_a_value_that_other_hosts_may_accept_is_a_warning(validate, condarc, key) -> None:
    (warning,) = validate(f"{{condarc: {{{condarc}}}}}")
    assert warning.startswith(f"conda 24.7.1 rejects conda.condarc.{key} on this host: ")
    assert warning.endswith("without a variable" if key != "verify_ssl" else "that file is missing")
    with pytest.raises(ConfigurationError) as raised:
        validate(f"{{condarc: {{{condarc}, always_yes: perhaps}}}}")
    assert "conda.condarc.always_yes: " in raised.value.message
    assert f"conda.condarc.{key}: " not in raised.value.message


def test_a_path_in_channel_alias_is_an_error(validate) -> None:
    with pytest.raises(ConfigurationError, match=r"conda\.condarc\.channel_alias: "):
        validate("{condarc: {channel_alias: /not/here}}")


def test_a_conda_that_cannot_be_asked_is_a_warning(validate, tmp_path) -> None:
    """It is no error yet, because the load test checks the installation."""
    python = tmp_path / "bin/python"
    python.parent.mkdir()
    python.write_text("#!/bin/sh\necho broken >&2; exit 3\n")
    python.chmod(0o755)
    (warning,) = validate("{}", str(tmp_path))
    assert warning.startswith("conda could not check the site configuration") and warning.endswith("broken")


@pytest.mark.any_value("built")
def test_a_rejected_value_stops_the_build_before_anything_changes(built, tmp_path) -> None:
    root = built.prefix / f"software/{MODULE}"
    condarc, module = root / "condarc.d/stackenv.yml", built.modules / f"{MODULE}.lua"
    before = condarc.read_bytes(), module.read_bytes()
    configuration = tmp_path / "site.yaml"
    configuration.write_text("version: 1\nconda: {condarc: {channel_prioritty: strict, ssl_verify: maybe}}\n")
    done = built.build("--module-only", "--force", check=False, STACKENV_SITE_CONFIG=str(configuration))
    words = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Traceback" not in words
    assert f"rejects keys of {configuration}" in words and "conda.condarc.ssl_verify: " in words
    assert (condarc.read_bytes(), module.read_bytes()) == before


@pytest.mark.any_value("built")
def test_a_file_missing_on_the_build_host_does_not_stop_the_build(built, tmp_path) -> None:
    configuration = tmp_path / "site.yaml"
    configuration.write_text("version: 1\nconda: {condarc: {ssl_verify: /not/here.pem}}\n")
    done = built.build("--module-only", "--force", STACKENV_SITE_CONFIG=str(configuration))
    assert "rejects conda.condarc.ssl_verify on this host" in done.stdout + done.stderr
    assert "/not/here.pem" in (built.prefix / f"software/{MODULE}/condarc.d/stackenv.yml").read_text()
    built.build("--module-only", "--force")
