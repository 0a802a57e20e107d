"""`stackenv site config --init` writes a file in which each key is commented out."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stackenv.cli.main import stackenv
from stackenv.configuration.loader import load_configuration
from stackenv.configuration.site_file import SHIPPED_FILE
from stackenv.errors import StackenvError, TakenError
from stackenv.site.first_configuration import render_first_configuration

# A key that is commented out, and its indentation; the keys of a list's items, with six spaces, do not match.
KEY = re.compile(r"#(|  |    )([a-z_]+):")
TEXT = render_first_configuration()
KEYS = [number for number, line in enumerate(TEXT.splitlines()) if KEY.match(line)]


def run(*words: str) -> Result:
    # Run through the main command: a command keeps the help option of the first context that asks for it.
    return CliRunner().invoke(stackenv, ["site", "config", *words])


def uncomment(number: int) -> str:
    """Return the text with the key in line `number` uncommented, its value and its parent sections too."""
    lines = TEXT.splitlines()
    found = KEY.match(lines[number])
    assert found
    depth, chosen = len(found.group(1)), {number}
    for below in range(number + 1, len(lines)):
        line = lines[below]
        value = re.match(r"#( *)(-|[a-z_]+:)", line)
        if not value or len(value.group(1)) <= depth:
            if value or not line.lstrip().startswith("##"):
                break
            continue
        chosen.add(below)
    for above in range(number, -1, -1):
        section = KEY.match(lines[above])
        if section and len(section.group(1)) < depth:
            depth = len(section.group(1))
            chosen.add(above)
    return "\n".join(line[1:] if n in chosen else line for n, line in enumerate(lines)) + "\n"


def test_the_written_file_loads_as_the_default(tmp_path: Path) -> None:
    assert run("--init", str(tmp_path / "site.yaml")).exit_code == 0
    assert (tmp_path / "site.yaml").read_text() == TEXT
    first, shipped = load_configuration(tmp_path / "site.yaml"), load_configuration(SHIPPED_FILE)
    assert first._replace(path=shipped.path) == shipped


@pytest.mark.parametrize("number", KEYS, ids=[TEXT.splitlines()[n].strip("# ") for n in KEYS])
def test_each_key_keeps_its_default_when_uncommented(tmp_path: Path, number: int) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(uncomment(number))
    shipped = load_configuration(SHIPPED_FILE)
    assert load_configuration(path)._replace(path=shipped.path) == shipped


def test_an_existing_file_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("mine")
    found = run("--init", str(tmp_path / "site.yaml")).exception
    assert isinstance(found, TakenError) and (tmp_path / "site.yaml").read_text() == "mine"
    lost = run("--init", str(tmp_path / "etc/site.yaml")).exception
    assert isinstance(lost, StackenvError) and lost.hint == f"mkdir -p {tmp_path}/etc"


def test_a_file_that_users_cannot_read_is_reported(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        done = run("--init", str(tmp_path / "site.yaml"))
    finally:
        os.umask(before)
    assert f"users cannot read {tmp_path}/site.yaml, but" in done.output
    assert f"hint: chmod a+r {tmp_path}/site.yaml\n" in done.output


def test_the_file_in_use_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.yaml").write_text("version: 1\n")
    monkeypatch.setenv("STACKENV_SITE_CONFIG", str(tmp_path / "own.yaml"))
    assert run().output == f"{tmp_path}/own.yaml:\nversion: 1\n"
    monkeypatch.setenv("STACKENV_SITE_CONFIG", str(tmp_path / "none.yaml"))
    assert isinstance(run().exception, StackenvError)


def test_the_file_with_every_key_uncommented_is_the_default(tmp_path: Path) -> None:
    lines = (line[1:] if re.match(r"#(?!#)", line) else line for line in TEXT.splitlines())
    (tmp_path / "site.yaml").write_text("\n".join(lines))
    shipped = load_configuration(SHIPPED_FILE)
    assert load_configuration(tmp_path / "site.yaml")._replace(path=shipped.path) == shipped
