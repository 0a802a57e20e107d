"""An environment on a Python that does not start without its modules, packed for both ways to mount it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from needy_python import BUNDLE, make_needy_modules, run
from needy_stack import FIND, NeedleStack
from packing import make_packing_user, require_fuse, unmounting
from traced_starts import bare


@pytest.mark.parametrize("way", ["session", "namespace"])
def test_the_environment_starts_without_modules_packed_and_unpacked(
    needy_stack: NeedleStack, tmp_path: Path, way: str
) -> None:
    require_fuse()
    with unmounting(tmp_path):
        user = make_packing_user(tmp_path, make_needy_modules(tmp_path, needy_stack))
        folder = user.home / "venvs/bio-1.0"
        assert user.stackenv("create", "bio", load=[BUNDLE]).returncode == 0
        if way == "namespace":
            (site,) = folder.glob("lib/python3*/site-packages")
            (site / "place.py").write_text(f"'{folder}'\n")
        before = (folder / "bin/python").resolve().read_text()
        for command in ("pack", "unpack"):
            done = user.stackenv(command, "bio")
            assert done.returncode == 0, done.stderr
            links = {os.path.realpath(path) for path in (folder / "bin").glob("python*")}
            assert (links == {str(folder / "stackenv/packed")}) == (command == "pack")
            script = tmp_path / "script"
            script.write_text(f"#!{folder}/bin/python\n{FIND}\n")
            script.chmod(0o755)
            for words in ((folder / "bin/python", "-c", FIND), (script,)):
                started = run(*words, env=bare(user))
                assert (started.stdout, started.stderr) == ("10\n", "")
            loaded = user.run(f"module use ~/modules; module load bio && python -c '{FIND}'")
            assert (loaded.stdout, loaded.stderr) == ("10\n", "")
            assert user.stackenv("check", "bio").returncode == 0
        assert (folder / "bin/python").resolve().read_text() == before
