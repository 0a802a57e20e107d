"""Environments whose activation the tests capture, and the findings by kind."""

from __future__ import annotations

from pathlib import Path

from stackenv.conda.activation.capture import capture_activation
from stackenv.conda.activation.captured import CapturedActivation


def write_environment(prefix: Path, files: dict[str, str]) -> Path:
    """Create an environment with `files`, by their paths below etc/conda; `state` goes into conda-meta."""
    for folder in ("conda-meta", "bin", "etc/conda/activate.d", "etc/conda/deactivate.d"):
        (prefix / folder).mkdir(parents=True)
    for name, text in files.items():
        path = prefix / ("conda-meta" if name == "state" else "etc/conda") / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return prefix


def capture(folder: Path, script: str, **files: str) -> CapturedActivation:
    """Capture an environment with one sh script; `csh` and `off` are scripts for tcsh and deactivate.d."""
    names = {"csh": "activate.d/a.csh", "off": "deactivate.d/a.sh"}
    scripts = {names[key]: text for key, text in files.items()}
    return capture_activation(
        write_environment(folder / "environment", {"activate.d/a.sh": script, **scripts}), 20
    )


def details(captured: CapturedActivation, kind: str) -> dict[str, str]:
    """Return the details of the findings of one kind, by their subjects."""
    return {finding.subject: finding.detail for finding in captured.findings if finding.kind == kind}
