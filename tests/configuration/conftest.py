"""A site configuration written to a file, as settings or as the lines of its error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stackenv.configuration.loader import load_configuration
from stackenv.configuration.settings import CondaSettings
from stackenv.errors import ConfigurationError


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    """Where `load` and `faults` write their policy."""
    return tmp_path / "site.yaml"


@pytest.fixture
def load(policy_file: Path) -> Callable[[str], CondaSettings]:
    """Return a function that loads lines below ``version: 1`` (they begin on line 2)."""

    def load_text(text: str) -> CondaSettings:
        policy_file.write_text("version: 1\n" + text, encoding="utf-8")
        return load_configuration(policy_file).conda

    return load_text


@pytest.fixture
def faults(policy_file: Path) -> Callable[..., list[str]]:
    """Return a function that gives the lines of a site configuration's error, without the file's path."""

    def fault_lines(text: str | bytes, *, head: str = "version: 1\n") -> list[str]:
        content = text if isinstance(text, bytes) else (head + text).encode()
        policy_file.write_bytes(content)
        with pytest.raises(ConfigurationError) as caught:
            load_configuration(policy_file)
        lines = caught.value.message.splitlines()
        assert all(line.startswith(f"{policy_file}:") for line in lines)
        return [line[len(f"{policy_file}:") :] for line in lines]

    return fault_lines
