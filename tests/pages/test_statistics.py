"""The hook on the page about statistics, with the real Lmod and logger, and a socket in place of syslog's."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from built import CHECKOUT
from stacked import open_stack
from users import User, make_user

PAGE = (CHECKOUT / "docs/admins/statistics.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> User:
    """Return a user with the environment `biopy` on a site that uses the hook of the page."""
    folder = tmp_path_factory.mktemp("statistics")
    user = make_user(folder, open_stack("eb5-pythonpath"))
    (hook,) = re.findall(r"(?s)```lua\n(.+?)```", PAGE)
    for of_page, here in (
        ("/apps/modules/", f"{user.stack.modulepath}/"),
        ("/usr/bin/logger", f"/usr/bin/logger --socket {folder}/log"),
    ):
        assert hook.count(of_page) == 1
        hook = hook.replace(of_page, here)
    (folder / "SitePackage.lua").write_text(hook)
    user.environ["LMOD_PACKAGE_PATH"] = str(folder)
    with logged_by(user) as lines:
        made = user.stackenv("create", "biopy", load=[user.stack.bundle_module])
    assert made.returncode == 0, made.stderr
    # Only the loads of the calling shell are logged, although create itself runs Lmod several times.
    assert lines == [
        f"job=no module={module}" for module in (user.stack.python_module, user.stack.bundle_module)
    ]
    return user


@contextmanager
def logged_by(user: User) -> Iterator[list[str]]:
    """Yield a list that contains, after the block, the lines sent to syslog, without syslog's prefix."""
    path = Path(user.environ["LMOD_PACKAGE_PATH"], "log")
    lines: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(path))
        log.setblocking(False)
        try:
            yield lines
            while True:
                lines.append(log.recv(4096).decode().partition(" ModuleUsage: ")[2])
        except BlockingIOError:
            pass
        finally:
            path.unlink()


def test_the_hook_logs_what_the_page_shows(user: User) -> None:
    with logged_by(user) as lines:
        done = user.run("ml use ~/modules; ml biopy", SLURM_JOB_ID="7")
    assert (done.returncode, done.stderr) == (0, "")
    (shown,) = re.findall(r"(?s)```text\n(ModuleUsage: .+?)```", PAGE)
    assert shown == "".join(f"ModuleUsage: {line}\n" for line in lines)


def test_the_hook_logs_stackenv_run_but_not_stackenv_check(user: User) -> None:
    with logged_by(user) as lines:
        checked = user.stackenv("check", "biopy")
    assert (checked.returncode, lines) == (0, [])
    with logged_by(user) as lines:
        assert user.stackenv("run", "biopy", "--", "true").returncode == 0
    assert lines[-1] == "job=no module=(environment)"


def test_a_users_own_module_is_logged_as_private(user: User) -> None:
    (user.home / "own/secret").mkdir(parents=True)
    (user.home / "own/secret/1.0.lua").write_text('setenv("SECRET", "1")\n')
    with logged_by(user) as lines:
        assert user.run("ml use ~/own; ml secret; ml -secret; ml avail").returncode == 0
    assert lines == ["job=no module=(private)"]


def test_a_load_works_without_syslog(user: User) -> None:
    done = user.run(f"module load {user.stack.bundle_module} && python -c 'import numpy'")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_count_command_on_the_page_counts_loaded_modules(user: User, tmp_path: Path) -> None:
    with logged_by(user) as lines:
        user.run("ml use ~/modules; ml biopy; ml -biopy; ml biopy")
    log = tmp_path / "module-usage.log"
    log.write_text("".join(f"Nov 30 07:00:00 node1 ModuleUsage: {line}\n" for line in lines))
    (command,) = re.findall(r"(?m)^grep .+$", PAGE)
    counted = user.run(command.replace("/var/log/module-usage.log", str(log))).stdout
    assert re.findall(r"(\d+) module=(\S+)", counted) == [
        ("2", name) for name in (user.stack.bundle_module, user.stack.python_module, "(environment)")
    ]
