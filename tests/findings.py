"""The findings of `stackenv check --json`, as tests compare them."""

from __future__ import annotations

from answers import read_result


def read_findings(printed: str) -> list[dict[str, str]]:
    """Return the findings, without those of `quota` for the file systems on which the tests run.

    Tests do not choose these, and they may be nearly full. rules/test_quota.py mounts its own file systems,
    and reads all findings.
    """
    return [f for f in read_result(printed) if not (f["rule"] == "quota" and "file system of" in f["what"])]
