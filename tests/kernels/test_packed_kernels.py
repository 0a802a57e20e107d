"""The kernel of a packed environment mounts the image itself; the next load unmounts what is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from jupyters import CHANNEL, WHEELS, Jupyter
from packing import list_mounts, make_packing_user, require_fuse, unmounting
from squashfuses import list_squashfuses
from stacked import Stack, open_stack
from users import User

WHERE = "import json, sys, {0}; print(json.dumps([{0}.__file__, sys.prefix]))"


@pytest.fixture
def packer(tmp_path: Path, stack: Stack) -> Iterator[User]:
    """Return a user whose images are mounted below the test's folder."""
    require_fuse()
    with unmounting(tmp_path):
        user = make_packing_user(tmp_path, stack)
        user.environ["PIP_FIND_LINKS"] += f" {WHEELS}"
        yield user


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


def test_a_packed_venv_is_mounted_by_its_kernel_and_unmounted_by_the_next_load(
    packer: User, tmp_path: Path
) -> None:
    for arguments in (("create", "lab", "biopython"), ("kernel", "add", "lab", "--install"), ("pack", "lab")):
        done = packer.stackenv(*arguments, load=[packer.stack.bundle_module])
        assert done.returncode == 0, done.stderr
    with Jupyter(tmp_path, packer.environ) as jupyter:
        jupyter.start("stackenv-lab-1.0")
        file, _ = jupyter.run(WHERE.format("Bio"))
        # The package comes from the mounted image, not from the folder that holds the image.
        assert file.startswith(f"{tmp_path}/node/"), file
        assert jupyter.run(WHERE.format("numpy"))[0].startswith(f"{packer.stack.software}/SciPy-bundle/")
        ours = list_mounts(tmp_path)
        assert len(ours) == len(list_squashfuses(tmp_path)) == 1 and file.startswith(f"{ours[0]}/")
    # Outside a job nothing is unmounted when the kernel ends: the next load sees that its session has ended.
    assert packer.run("module use ~/modules; module load lab").returncode == 0
    wait_until(lambda: not set(ours) & set(list_mounts(tmp_path)))


def test_a_packed_conda_environment_is_mounted_only_for_its_kernel(tmp_path: Path) -> None:
    require_fuse()
    from built import SITE_CONFIGURATION, build_modules

    built = build_modules()
    with unmounting(tmp_path):
        user = make_packing_user(tmp_path, open_stack("eb5-pythonpath"))
        configuration = Path(user.environ["STACKENV_SITE_CONFIG"])
        configuration.write_text(f"{SITE_CONFIGURATION}pack:\n  mounts: {tmp_path}/node\n")
        (user.home / ".condarc").write_text(f"channels: [{CHANNEL}]\n")
        user.environ["MODULEPATH"] = built.modulepath
        for arguments in (
            ("create", "genes", "--conda", "python", "pandas"),
            ("kernel", "add", "genes", "--install"),
            ("pack", "genes"),
        ):
            done = user.stackenv(*arguments)
            assert done.returncode == 0, done.stderr
        with Jupyter(tmp_path, user.environ) as jupyter:
            jupyter.start("stackenv-genes-1.0")
            file, prefix = jupyter.run(WHERE.format("ipykernel"))
            # The image is mounted at the environment's own path, but only in the namespace of the kernel.
            assert prefix == str(user.home / "conda/envs/genes-1.0") and file.startswith(f"{prefix}/lib/")
            assert not Path(file).exists()
        wait_until(lambda: not list_squashfuses(tmp_path))
