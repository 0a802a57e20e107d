"""docs/admins/turning-off.md agrees with the keys of the site configuration and the options of commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stackenv.cli.main import stackenv
from stackenv.configuration.loader import load_configuration
from stackenv.configuration.site_file import SHIPPED_FILE

PAGE = (Path(__file__).resolve().parents[2] / "docs/admins/turning-off.md").read_text()
BY_SITE, _, BY_USER = PAGE.partition("## By a user")
# Keys that cannot be turned off, only changed.
NEVER_OFF = {"conda.load_test.timeout_s", "personal.modules", "personal.environments", "pack.mounts"}


def list_keys(settings: Any, begin: str) -> Iterator[str]:
    for name in settings._fields:
        value = getattr(settings, name)
        inner = type(value).__name__.endswith("Settings")
        yield from list_keys(value, f"{begin}{name}.") if inner else [f"{begin}{name}"]


def test_the_page_lists_each_key_once_and_no_other() -> None:
    configuration = load_configuration(SHIPPED_FILE)
    keys = {"limits"}
    for section in ("conda", "personal", "caches", "pack", "jobs"):
        keys |= set(list_keys(getattr(configuration, section), f"{section}."))
    told = re.findall(r"^\| `([a-z_.]+)` \|", BY_SITE, re.MULTILINE)
    assert sorted(told) == sorted(keys - NEVER_OFF)


def test_each_option_on_the_page_exists_in_its_command() -> None:
    typed = re.findall(r"`(?:stackenv )?(\w+) (--[a-z-]+)", BY_USER)
    assert len(typed) > 10
    for name, option in typed:
        command = stackenv.commands[name]
        known = {text for p in command.params for text in (*p.opts, *p.secondary_opts)}
        assert option in known, (name, option)


def test_each_option_that_turns_something_off_is_on_the_page() -> None:
    options = {
        text
        for name in ("create", "adopt", "edit")
        for parameter in stackenv.commands[name].params
        for text in (*parameter.opts, *parameter.secondary_opts)
        if re.match(r"--no-|--user-site|--allow-", text)
    }
    # This option is about the build of one package, and turns off nothing of stackenv.
    assert {option for option in options if option not in BY_USER} == {"--no-build-isolation"}
