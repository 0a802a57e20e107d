"""Prepares ipykernel for tests that install it without a network: as wheels, and in a conda channel.

The channel has one package, ipykernel, which contains those wheels, installed. Its Python comes from the
channel of tests/distribution.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "distribution"))

from channel import Package, write_index, write_package

REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements-jupyter.txt"
MINOR = "{}.{}".format(*sys.version_info)


def pip(*words: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", *words], check=True)


def download(wheels: Path) -> None:
    """Download the wheels that the requirements file lists."""
    pip("download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", wheels, "-r", REQUIREMENTS)


def write_channel(wheels: Path, channel: Path) -> None:
    """Write a channel with one package: ipykernel and everything it requires."""
    version = next(wheels.glob("ipykernel-*.whl")).name.split("-")[1]
    package = Package("ipykernel", version, (f"python {MINOR}.*",))
    with tempfile.TemporaryDirectory(prefix="stackenv-jupyter-") as scratch:
        site_packages = Path(scratch, f"lib/python{MINOR}/site-packages")
        offline = ("--quiet", "--no-index", "--find-links", wheels, "--no-deps")
        pip("install", *offline, "--target", site_packages, "-r", REQUIREMENTS)
        # These scripts name another prefix, and a kernel needs none of them.
        subprocess.run(["rm", "-rf", site_packages / "bin"], check=True)
        write_index(channel, {package: write_package(package, Path(scratch), channel)})


def main() -> None:
    """Download the wheels and write the channel to the folder of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="a folder")
    output: Path = parser.parse_args().output.resolve()
    download(output / "wheels")
    write_channel(output / "wheels", output / "channel")


if __name__ == "__main__":
    main()
