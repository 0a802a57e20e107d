"""What the commands have printed with `--json`, as the tests read it; commands/test_json.py has the rest."""

from __future__ import annotations

import json
from typing import Any


def read_result(printed: str) -> Any:
    """Return the result in what a command has printed."""
    return json.loads(printed)["result"]
