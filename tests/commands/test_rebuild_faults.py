"""`stackenv rebuild`: problems that the old environment already had do not stop it."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from people import Person, make_wheel

from stackenv.errors import InstallError
from stackenv.lifecycle.requirements import InstallReport, install_with_conda, requirement_of_conda

NEEDY = [f"a-{number}" for number in range(1, 8)]


def make_needy_wheel(folder: Path, name: str) -> Path:
    """Make the wheel of a package that requires b-dep<2."""
    wheel = make_wheel(folder, name, "1.0")
    with zipfile.ZipFile(wheel) as archive:
        texts = {entry: archive.read(entry) for entry in archive.namelist()}
    with zipfile.ZipFile(wheel, "w") as archive:
        for entry, text in texts.items():
            if entry.endswith("METADATA"):
                text += b"Requires-Dist: b-dep<2\n"
            if entry.endswith("RECORD"):
                text = b"".join(line.split(b",")[0] + b",,\n" for line in text.splitlines())
            archive.writestr(entry, text)
    return wheel


@pytest.fixture
def owner(person: Person, tmp_path: Path) -> Callable[..., Person]:
    """Return a function that makes the environment `it`, whose packages all conflict with its b-dep."""

    def make(*packages: str, module: str = "Bundle/1") -> Person:
        wheels = tmp_path / "wheels"
        for name in NEEDY:
            make_needy_wheel(wheels, name)
        for version in ("1.0", "2.0"):
            make_wheel(wheels, "b-dep", version)
        person.environ["PIP_FIND_LINKS"] += f" {wheels}"
        modulepath = tmp_path / "modulepath"
        shutil.copytree(person.site.modulepath, modulepath)
        (modulepath / "Old").mkdir()
        shutil.copy(modulepath / "Bundle/1.lua", modulepath / "Old/1.lua")
        person.environ["MODULEPATH"] = str(modulepath)
        person.create("it", *packages, module=module)
        forced = person.shell("module load it && pip install b-dep==2.0")
        assert forced.returncode == 0, forced.stderr
        return person

    return make


def test_conflicts_are_only_reported_when_the_old_module_is_missing(owner: Callable[..., Person]) -> None:
    person = owner("a-1", module="Old/1")
    Path(person.environ["MODULEPATH"], "Old/1.lua").unlink()
    done = person.stackenv("rebuild", "it", "-m", "Bundle/1")
    told = "cannot compare with the old environment, because its modules are gone: a-1 1.0 requires b-dep<2"
    assert f"{told}, but 2.0" in done.stderr.replace("\n", " ")
    assert (person.home / "venvs/it-1.0-2").is_dir()


def test_fewer_conflicts_than_before_do_not_stop_the_rebuild(
    owner: Callable[..., Person], tmp_path: Path
) -> None:
    person = owner(*NEEDY)
    (wheel,) = (tmp_path / "wheels").glob("a_1-*.whl")
    wheel.unlink()
    done = person.stackenv("rebuild", "it", PIP_NO_CACHE_DIR="1")
    assert "a-1 1.0: not installed" in done.stdout + done.stderr


def test_a_failure_of_conda_itself_loosens_no_version() -> None:
    """A stand-in for conda has a full disk; its dry run says that all versions are available."""
    calls = []

    def call(*words: str) -> None:
        calls.append(words)
        raise InstallError("[Errno 122] Disk quota exceeded")

    wanted = [requirement_of_conda("samtools", "1.9"), requirement_of_conda("python", "3.9.1")]
    with pytest.raises(InstallError, match="quota"):
        install_with_conda(call, lambda *specs: None, wanted, InstallReport())
    assert calls == [("create", "samtools=1.9", "python=3.9.1")]
