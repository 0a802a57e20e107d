"""Explanations of failed installs, from recorded output of pip and uv; other tests run the real programs."""

from __future__ import annotations

import pytest

from stackenv.environments.install_failure import PIP, UV, InstallerWords, explain_failure, find_pinned
from stackenv.errors import UnreachableError
from stackenv.record import Platform, Record

pytestmark = pytest.mark.quick

RECORD = Record(
    *("it", "1.0", "venv", "/it", "/modules", ("S/1",), ("S/1",), "/mf", None, Platform("x86_64", "", "")),
    pinned=(("numpy", "1.25.1", "S/1"), ("ruamel.yaml", "0.17", "S/1"), ("torch", "2.1+cu118", "S/1")),
)
NEW = "Using Python 3.11 environment at: x\nerror: No solution found when resolving dependencies\n  cause: "
OLD = "Using Python 3.11 environment at: x\n  \u00d7 No solution found when resolving dependencies:\n  ╰─▶ "
CONFLICTS = (
    (PIP, "The user requested numpy>=2\n    The user requested (constraint) numpy==1.25.1", "numpy"),
    (PIP, "The user requested (constraint) ruamel-yaml==0.17", "ruamel.yaml"),
    (PIP, "The user requested (constraint) numpy-financial==1.0", ""),
    (UV, f"{NEW}Because you require numpy>=2 and numpy==1.25.1, we can conclude that", "numpy"),
    (UV, f"{NEW}Because you require ruamel-yaml>1 and ruamel-yaml==0.17, we can", "ruamel.yaml"),
    (UV, f"{OLD}Because a==1 depends on b and only numpy==1.25.1 is available.", "numpy"),
    # A uv without UV_NO_WRAP breaks lines.
    (UV, f"{OLD}Because you require torch>=3 and\n      torch==2.1+cu118, we can", "torch"),
    (UV, f"{NEW}Because there is no version of numpy==1.25.1 and you require numpy", ""),
    (UV, f"{NEW}Because a==1 depends on numpy==1.25.10 and numpy==1.25.1.post1, we can", ""),
    (UV, f"{NEW}Because a==1 depends on jax-numpy==1.25.1 and torch==2.1, we can", ""),
    # Build requirements are not pinned.
    (UV, "error: Failed to resolve requirements from `build-system.requires`\n  cause: No solution found "
     "when resolving: `numpy==1.25.1`\n  cause: Because numpy==1.25.1 and numpy==2, we can", ""),
    (UV, "error: Failed to build `numpy==1.25.1`", ""),
)  # fmt: skip


@pytest.mark.parametrize(("words", "said", "named"), CONFLICTS)
def test_the_pinned_package_of_a_conflict_is_found_in_the_output(
    words: InstallerWords, said: str, named: str
) -> None:
    assert [name for name, _, _ in find_pinned(RECORD, ["a"], said, words)] == [*filter(None, [named])]


def test_a_typed_requirement_that_excludes_a_pinned_version_is_found() -> None:
    assert find_pinned(RECORD, ["six", "numpy>=2", "./folder"], "", UV) == [("numpy", "1.25.1", "S/1")]


@pytest.mark.parametrize(
    ("words", "said", "reason"),
    [
        (
            PIP,
            "ERROR: Could not find a version that\nERROR: No matching distribution found for a",
            "No match",
        ),
        (UV, f"{NEW}Because a was not found in the package registry", "Because a was not found"),
        (UV, f"{OLD}Because there is no version of six==99 and", "Because there is no version of six==99"),
        (UV, "  \u00d7 Failed to download `a`\n  ├─▶ Failed to unzip wheel: a\n", "Failed to unzip wheel: a"),
        (
            UV,
            "error: Failed to fetch: `x`\n  Caused by: HTTP status 404",
            "Failed to fetch",
        ),
    ],
)
def test_the_reason_is_the_most_informative_line_of_the_output(
    words: InstallerWords, said: str, reason: str
) -> None:
    assert explain_failure(RECORD, ["a"], said, 1, words).reason.startswith(reason)


@pytest.mark.parametrize(
    ("words", "said", "unreachable"),
    [
        (PIP, "WARNING: Retrying (Retry(total=0, connect=None", True),
        (UV, "error: Failed to fetch: x\n  cause: error sending request for url (x)", True),
        (
            UV,
            "  cause: error sending request for url (x)\n  cause: invalid peer certificate: U",
            False,
        ),
        (UV, "error: Failed to fetch: x\n  cause: HTTP status client error (404 Not Found)", False),
    ],
)
def test_only_a_failed_connection_is_an_unreachable_error(
    words: InstallerWords, said: str, unreachable: bool
) -> None:
    assert isinstance(explain_failure(RECORD, ["a"], said, 2, words), UnreachableError) == unreachable
