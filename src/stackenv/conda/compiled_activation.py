"""Compile the code of an activation, with the installation's own Python, at the end of an installation."""

from __future__ import annotations

import tempfile
from pathlib import Path

from stackenv.captured_run import find_failure
from stackenv.conda.installation import CondaInstallation
from stackenv.errors import StackenvError, explain
from stackenv.modulefile import SHIPPED
from stackenv.plain_files import read_file_bytes, read_file_text
from stackenv.transactions.files import write_file

COMPILED = "libexec/stackenv/activation.compiled"


def compile_activation(installation: CondaInstallation, timeout_s: int) -> str:
    """Compile the code of an activation; return why conda will be asked each time, empty if it will not.

    A failure does not raise an error: everything works without compiled code, only more slowly. This step
    comes last, because conda is asked again after any change of its folder of packages. An earlier compiled
    file holds all its code, so users go on using it while the files beside it are replaced, until the new one
    is renamed over it. If compiling fails, the old file is deleted, because the files beside it are newer.
    """
    path = Path(installation.root, COMPILED)
    with tempfile.TemporaryDirectory(prefix="stackenv-compiled-") as output:
        reason = run_compiler(installation, Path(output), timeout_s)
        try:
            if reason:
                path.unlink(missing_ok=True)
                return f"activation without conda could not be prepared: {reason}"
            write_file(path, read_file_bytes(Path(output, "compiled")), by_umask=True)
            return read_file_text(Path(output, "reason"))
        except OSError as error:
            return f"{path} is out of date and cannot be deleted: {explain(error)}"
        except StackenvError as error:
            return f"activation without conda could not be prepared: {error}"


def run_compiler(installation: CondaInstallation, output: Path, timeout_s: int) -> str:
    """Run compile_activation.py, which writes into `output`; return why it failed, empty if it did not."""
    program = SHIPPED / "libexec/compile_activation.py"
    folder = Path(installation.root, COMPILED).parent
    command = [f"{installation.root}/bin/python", "-IB", str(program), str(folder), str(output)]
    return find_failure(command, timeout_s)
