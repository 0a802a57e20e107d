"""Build stand-ins for the conda distributions, and a channel, for tests without the internet.

Needs a package index once, for conda's own requirements. What it writes then
needs the Python of this machine and nothing else.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from base import stage_base
from installers import CONDA_VERSION, pack_base, write_installers
from interpreter import probe_interpreter
from packages import write_channel


def main() -> None:
    """Write the installers, the channel and distribution.json into the folder that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="a folder, made when it is missing")
    output: Path = parser.parse_args().output.resolve()
    interpreter = probe_interpreter()
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="stackenv-distribution-") as folder:
        scratch = Path(folder).resolve()
        base = stage_base(interpreter, scratch)
        names = write_installers(interpreter, pack_base(base, scratch), output)
        write_channel(interpreter, base, scratch, output / "channel")
    contents = {
        "channel": "channel",
        "conda": CONDA_VERSION,
        "installers": names,
        "python": {"executable": str(interpreter.executable), "version": interpreter.version},
    }
    (output / "distribution.json").write_text(json.dumps(contents, indent=2) + "\n")


if __name__ == "__main__":
    main()
