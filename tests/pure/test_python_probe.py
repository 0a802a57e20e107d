"""What environments/probe_python.py reports about a Python."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PROBE = Path(__file__).resolve().parents[2] / "src/stackenv/environments/probe_python.py"
# Unsorted, so that no file system returns them sorted by chance, be it as created or in reverse.
NAMES = ("mu", "Beta", "zeta", "alpha", "nu", "eta", "Iota", "rho", "gamma", "xi", "theta", "pi")


def test_packages_are_listed_by_folder_and_then_by_name(tmp_path: Path) -> None:
    for folder, version in (("second", "2"), ("first", "1")):
        for name in NAMES:
            info = tmp_path / folder / f"{name}-{version}.dist-info"
            info.mkdir(parents=True)
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    only = tmp_path / "second/aleph-2.dist-info"
    only.mkdir()
    (only / "METADATA").write_text("Metadata-Version: 2.1\nName: aleph\nVersion: 2\n")
    answer = tmp_path / "answer.json"
    subprocess.run(
        [sys.executable, PROBE, answer],
        env={"PYTHONPATH": f"{tmp_path}/first:{tmp_path}/second"},
        check=True,
        stdin=subprocess.DEVNULL,
    )
    packages = json.loads(answer.read_text())["packages"]
    found = [(p["name"], p["version"]) for p in packages if p["location"].startswith(str(tmp_path))]
    assert found == [*((name, "1") for name in sorted(NAMES, key=str.lower)), ("aleph", "2")]
