"""What `stackenv check --json` has printed, as the tests compare it."""

from __future__ import annotations

from answers import read_result


def read_findings(printed: str) -> list[dict[str, str]]:
    """Return the findings, but for what `quota` says of the file systems that the tests happen to run on.

    No test chooses those, and they may be nearly full. rules/test_quota.py mounts its own, and reads all.
    """
    return [f for f in read_result(printed) if not (f["rule"] == "quota" and "file system of" in f["what"])]
