"""What an activation runs, compiled when the installation is completed, by the installation's own Python."""

from __future__ import annotations

import subprocess
from pathlib import Path

from stackenv.conda.installation import CondaInstallation
from stackenv.errors import StackenvError, explain, quote_word
from stackenv.modulefile import SHIPPED
from stackenv.transactions.files import write_file

COMPILED = "libexec/stackenv/activation.compiled"


def remove_compiled_activation(installation: CondaInstallation) -> None:
    """Delete what an earlier run has compiled: it must not be used with files that are replaced now.

    Raises
    ------
    StackenvError
        When it cannot be deleted.
    """
    path = Path(installation.root, COMPILED)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StackenvError(
            f"{path} cannot be deleted: {explain(error)}", f"rm {quote_word(path)}"
        ) from error


def compile_activation(installation: CondaInstallation, timeout_s: int) -> str:
    """Compile what an activation runs; return why conda will be asked each time, empty when it is not.

    Everything works without, only slower: a failure is no error. It comes last, for conda is asked again
    once its folder of packages has changed.
    """
    path = Path(installation.root, COMPILED)
    program = SHIPPED / "libexec/compile_activation.py"
    command = [f"{installation.root}/bin/python", "-IB", str(program), str(path.parent)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=timeout_s, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{command[0]} did not compile it: {explain(error)}"
    words = done.stderr.decode(errors="replace").strip()
    if done.returncode:
        return f"it was not compiled: {words or f'exit status {done.returncode}'}"
    try:
        write_file(path, done.stdout)
    except StackenvError as error:
        return f"it was not compiled: {error}"
    return words
