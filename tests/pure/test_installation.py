"""What stackenv reads from the files of a conda installation."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackenv.conda.installation import CondaInstallation, probe_installation
from stackenv.configuration.loader import load_configuration
from stackenv.configuration.site_file import SHIPPED_FILE
from stackenv.site.software import CondaSoftware

RECORDS = {
    "none": ((), 0),
    "mamba 2": (("mamba-2.3.3-h3dc7f2e_0",), 2),
    "mamba 1": (("mamba-1.5.8-py310h51d5547_0",), 1),
    "of a major that is not known": (("mamba-3.0.0-h3dc7f2e_0",), 0),
    "two that differ": (("mamba-1.5.8-py310_0", "mamba-2.3.3-h3dc7f2e_0"), 0),
    "two that agree": (("mamba-2.0.5-0", "mamba-2.3.3-h3dc7f2e_0"), 2),
    "others": (("mamba-package-2.0-0", "libmamba-2.3.3-h3dc7f2e_0", "micromamba-2.3.3-0"), 0),
}


def make_root(tmp_path: Path, *records: str) -> Path:
    root = tmp_path / "miniforge3"
    for name in ("bin/conda", "bin/python", "bin/mamba"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch(mode=0o755)
    (root / "conda-meta").mkdir()
    for record in records:
        (root / f"conda-meta/{record}.json").touch()
    return root


@pytest.mark.parametrize("which", RECORDS)
def test_the_major_version_of_mamba_is_read_from_conda_meta(tmp_path: Path, which: str) -> None:
    records, major = RECORDS[which]
    root = make_root(tmp_path, *records)
    assert probe_installation("Miniforge3", "Miniforge3/1", str(root)).mamba == major


@pytest.mark.parametrize("what", ["gone", "not executable", "a folder"])
def test_a_mamba_record_without_an_executable_program_is_ignored(tmp_path: Path, what: str) -> None:
    root = make_root(tmp_path, "mamba-2.3.3-0")
    if what == "not executable":
        (root / "bin/mamba").chmod(0o644)
    else:
        (root / "bin/mamba").unlink()
        if what == "a folder":
            (root / "bin/mamba").mkdir()
    assert probe_installation("Miniforge3", "Miniforge3/1", str(root)).mamba == 0


def test_staged_files_for_mamba_are_removed_when_mamba_is_missing(tmp_path: Path) -> None:
    written = {}
    for mamba in (0, 2, 0):
        words = "Miniforge3", "Miniforge3/1", str(tmp_path)
        installation = CondaInstallation(*words, mamba)
        software = CondaSoftware(*words, load_configuration(SHIPPED_FILE), installation)
        assert list(software.stage(tmp_path / "staged")) == []
        names = {path.name for path in (tmp_path / "staged").rglob("*") if path.is_file()}
        assert written.setdefault(mamba, names) == names
    assert written[2] - written[0] == {"mamba", "mamba.csh", "mamba_unload.csh"}
