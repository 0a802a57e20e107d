"""Fixtures that write a site configuration to a file, and return its settings or the lines of its error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stackenv.configuration.loader import load_configuration
from stackenv.configuration.settings import CondaSettings
from stackenv.errors import ConfigurationError


@pytest.fixture
def configuration_path(tmp_path: Path) -> Path:
    """Return where `load` and `faults` write their site configuration."""
    return tmp_path / "site.yaml"


@pytest.fixture
def load(configuration_path: Path) -> Callable[[str], CondaSettings]:
    """Return a function that loads ``version: 1`` and the given lines, which begin on line 2."""

    def load_text(text: str) -> CondaSettings:
        configuration_path.write_text("version: 1\n" + text, encoding="utf-8")
        return load_configuration(configuration_path).conda

    return load_text


@pytest.fixture
def faults(configuration_path: Path) -> Callable[..., list[str]]:
    """Return a function that returns the lines of the error of a configuration, without the file's path."""

    def fault_lines(text: str | bytes, *, head: str = "version: 1\n") -> list[str]:
        content = text if isinstance(text, bytes) else (head + text).encode()
        configuration_path.write_bytes(content)
        with pytest.raises(ConfigurationError) as caught:
            load_configuration(configuration_path)
        lines = caught.value.message.splitlines()
        assert all(line.startswith(f"{configuration_path}:") for line in lines)
        return [line[len(f"{configuration_path}:") :] for line in lines]

    return fault_lines
