"""Environments whose activation the tests capture, and the findings by their kind."""

from __future__ import annotations

from pathlib import Path

from stackenv.conda.activation.capture import capture_activation
from stackenv.conda.activation.captured import CapturedActivation


def write_environment(prefix: Path, files: dict[str, str]) -> Path:
    """Make an environment of `files`, by their paths below etc/conda or, of the state, conda-meta."""
    for folder in ("conda-meta", "bin", "etc/conda/activate.d", "etc/conda/deactivate.d"):
        (prefix / folder).mkdir(parents=True)
    for name, text in files.items():
        path = prefix / ("conda-meta" if name == "state" else "etc/conda") / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return prefix


def capture(folder: Path, script: str, **files: str) -> CapturedActivation:
    """Capture an environment with one script for sh, with `csh` and `off` for tcsh and deactivate.d."""
    names = {"csh": "activate.d/a.csh", "off": "deactivate.d/a.sh"}
    scripts = {names[key]: text for key, text in files.items()}
    return capture_activation(
        write_environment(folder / "environment", {"activate.d/a.sh": script, **scripts}), 20
    )


def details(captured: CapturedActivation, kind: str) -> dict[str, str]:
    """Return the findings of one kind: what was seen, by whom it is of."""
    return {finding.subject: finding.detail for finding in captured.findings if finding.kind == kind}
