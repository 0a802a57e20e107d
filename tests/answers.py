"""The output of commands with `--json`, as most tests read it; commands/test_json.py tests all of it."""

from __future__ import annotations

import json
from typing import Any


def read_result(printed: str) -> Any:
    """Return the result in the output of a command."""
    return json.loads(printed)["result"]
