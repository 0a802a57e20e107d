"""Real EasyBuild, 4.9.4 and 5.4.1, each in its own virtual environment, building offline."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).parents[2]
WORK = CHECKOUT / ".work"
HOOKS = CHECKOUT / "hooks/stackenv_hooks.py"
EASYCONFIGS = CHECKOUT / "tests/distribution/easyconfigs"
LMOD = os.environ.get("LMOD_CMD", "/usr/share/lmod/lmod/libexec/lmod")
VERSIONS = {"eb4": "4.9.4", "eb5": "5.4.1"}
FAILING_HOOKS = Path(__file__).with_name("failing_hooks.py")


# Most tests do not depend on the shells of the load test; the site's defaults name all seven.
IN_BASH = "version: 1\nconda:\n  load_test: {shells: [bash]}\n"
IN_ALL_SHELLS = {"STACKENV_SITE_CONFIG": ""}


@dataclass
class EasyBuild:
    """One EasyBuild and a software tree of the test's own."""

    version: str
    folder: Path
    prefix: Path

    @property
    def modules(self) -> Path:
        return self.prefix / "modules/all"

    def run(
        self,
        *arguments: str,
        hooks: Path | None = HOOKS,
        check: bool = True,
        run_as: dict[str, Any] | None = None,
        **environ: str,
    ) -> subprocess.CompletedProcess[str]:
        """Run `eb` as a site does; with `check`, a nonzero status is a failure that shows the output."""
        binary = WORK / self.folder / "bin"
        done = run_within(
            300,
            [str(binary / "eb"), *([f"--hooks={hooks}"] if hooks else []), *arguments],
            env={
                "HOME": str(self.prefix.parent / "home"),
                "PATH": f"{binary}:/usr/local/bin:/usr/bin:/bin",
                "EB_PYTHON": str(binary / "python"),
                "LMOD_CMD": LMOD,
                "LANG": "C.UTF-8",
                "EASYBUILD_PREFIX": str(self.prefix),
                "EASYBUILD_SOURCEPATH": str(WORK / "distribution"),
                "EASYBUILD_ALLOW_USE_AS_ROOT_AND_ACCEPT_CONSEQUENCES": "1",
                "STACKENV_SITE_CONFIG": str(self.prefix.parent / "in-bash.yaml"),
                "PYTHONFAULTHANDLER": "1",
                **environ,
            },
            **(run_as or {}),
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    def build(self, *arguments: str, name: str = "Anaconda3-2024.02-1", **rest):
        """Build one of the embedded distributions."""
        return self.run(str(EASYCONFIGS / f"{name}.eb"), *arguments, **rest)


def run_within(seconds: int, command: list[str], **settings: Any) -> subprocess.CompletedProcess[str]:
    """Run `command`; if it takes longer, fail and show its processes and the tracebacks of its Pythons."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **settings,
    )
    try:
        said = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        columns = "pid,ppid,stat,etime,time,wchan:30,args"
        listed = subprocess.run(["ps", "-o", columns, "-s", str(process.pid)], capture_output=True, text=True)
        # With PYTHONFAULTHANDLER each Python writes its traceback.
        os.killpg(process.pid, signal.SIGABRT)
        time.sleep(5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        said = process.communicate()
        pytest.fail(f"{command} has not ended after {seconds} s:\n{listed.stdout}\n{''.join(said)}")
    except BaseException:
        # Ctrl-C does not reach a process in a session of its own.
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return subprocess.CompletedProcess(command, process.returncode, *said)


def make_easybuild(version: str, folder: Path) -> EasyBuild:
    (folder / "home").mkdir(parents=True)
    (folder / "in-bash.yaml").write_text(IN_BASH)
    return EasyBuild(VERSIONS[version], Path(version), folder / "eb")
