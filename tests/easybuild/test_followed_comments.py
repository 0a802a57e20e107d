"""The commands in the comments of shipped and generated files do what the comments say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from guarded import OS_PYTHON, REFUSED, REFUSED_STATUS
from runner import CHECKOUT, EASYCONFIGS, HOOKS, LMOD, WORK

SITE_CONFIG = CHECKOUT / "site-config"
MODULE = "Anaconda3/2024.02-1"
EASYCONFIG = EASYCONFIGS / "Anaconda3-2024.02-1.eb"
SITE_CONFIGURATION = (
    "version: 1\nconda:\n  load_test: {shells: [bash]}\n  condarc: {channel_priority: strict}\n"
)


def list_commands(text: str) -> list[str]:
    """Return the indented lines of the comments in `text`, which are commands."""
    return re.findall(r"^#     +(\S.*)$", text, re.MULTILINE)


def in_shell(built, command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `command` in the shell of an admin, who has stackenv and `eb` on PATH."""
    binary = WORK / built.folder / "bin"
    return subprocess.run(
        ["bash", "--norc", "-ec", command],
        env={
            "HOME": str(built.prefix.parent / "home"),
            "PATH": f"{binary}:{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "EB_PYTHON": str(binary / "python"),
            "LMOD_CMD": LMOD,
            "LANG": "C.UTF-8",
            "EASYBUILD_PREFIX": str(built.prefix),
            "EASYBUILD_SOURCEPATH": str(WORK / "distribution"),
            "EASYBUILD_ALLOW_USE_AS_ROOT_AND_ACCEPT_CONSEQUENCES": "1",
            **environ,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.any_value("built")
def test_the_command_in_the_condarc_updates_the_installation(built, tmp_path) -> None:
    root = built.prefix / "software" / MODULE
    condarc, module = root / "condarc.d/stackenv.yml", built.modules / f"{MODULE}.lua"
    before = module.read_bytes()
    (command,) = list_commands(condarc.read_text())
    (copy,) = (root / "easybuild").glob("*.eb")
    (tmp_path / "site.yaml").write_text(SITE_CONFIGURATION)
    words = command.replace("EASYCONFIG", str(copy))
    done = in_shell(built, words, STACKENV_SITE_CONFIG=str(tmp_path / "site.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "channel_priority: strict\n" in condarc.read_text()
    assert module.read_bytes() == before


@pytest.mark.any_value("built")
@pytest.mark.parametrize("where", ["variable", "file"])
def test_permanently_configured_hooks_need_no_option(built, tmp_path, where) -> None:
    module = built.modules / f"{MODULE}.lua"
    before = module.read_bytes()
    (tmp_path / "config.cfg").write_text(f"[config]\nhooks = {HOOKS}\n")
    environ = {"STACKENV_SITE_CONFIG": str(built.prefix.parent / "in-bash.yaml")}
    set_once = "export EASYBUILD_HOOKS=$(stackenv site hooks)\n"
    if where == "file":
        environ["EASYBUILD_CONFIGFILES"], set_once = str(tmp_path / "config.cfg"), ""
    done = in_shell(built, f"{set_once}eb --module-only --force {EASYCONFIG}", **environ)
    assert done.returncode == 0, done.stdout + done.stderr
    assert module.read_bytes() == before


def test_the_examples_in_the_comments_are_valid_configurations(tmp_path) -> None:
    from stackenv.configuration.loader import load_configuration

    text = (SITE_CONFIG / "default.yaml").read_text()
    blocks = re.findall(r"(?:^ *#     .*\n)+", text, re.MULTILINE)
    examples = [block for block in blocks if re.match(r" *#     \w+:", block)]
    assert len(examples) == 4
    for block in examples:
        indent = "  " if block.startswith("  ") else ""
        lines = "".join(f"{indent}{line.strip()[6:]}\n" for line in block.splitlines())
        head = "" if lines.startswith("version") else "version: 1\n" + ("conda:\n" if indent else "")
        (tmp_path / "site.yaml").write_text(head + lines)
        load_configuration(tmp_path / "site.yaml")


OWN = "# Of the site.\n[install]\ntimeout = 7\n[global]\nindex-url = https://mirror.example/simple\n"


def in_overlay(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run `command` in the folder of the shipped files, with a /usr and an /etc that it can change safely."""
    script = f"mount -t tmpfs tmpfs {folder} && cd {folder} || exit 99\n"
    for place in ("usr", "etc"):
        options = f"lowerdir=/{place},upperdir={place},workdir={place}.work"
        script += f"mkdir {place} {place}.work && mount -t overlay overlay -o {options} /{place} || exit 99\n"
    return subprocess.run(
        ["unshare", "--mount", "--propagation=private", "sh", "-ec", f"{script}cd {SITE_CONFIG}\n{command}"],
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "PIP_NO_INDEX": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a /usr and an /etc of its own")
@pytest.mark.parametrize("place", ["/usr", "/etc"])
@pytest.mark.parametrize(
    "own", ["", OWN, f"{OWN}require-virtualenv = false\n"], ids=["none", "one", "its own"]
)
def test_the_guard_commands_work_with_and_without_an_existing_pip_conf(tmp_path, place, own) -> None:
    commands = [word for word in list_commands((SITE_CONFIG / "pip.conf").read_text()) if "eb " not in word]
    mine = dict(zip([("/usr", ""), ("/usr", OWN), ("/etc", ""), ("/etc", OWN)], commands))
    file = f"{place}/pip.conf"
    lines = (
        *("rm -f /etc/pip.conf /usr/pip.conf", f"printf '%s' '{own}' > {file}" if own else ":"),
        *(mine[place, OWN if own else ""], f"cat {file}", "echo ===", f"stat -c %a {file}"),
        *(f"{OS_PYTHON} -m pip config list", f"{OS_PYTHON} -m pip install --target {tmp_path}/t six"),
    )
    done = in_overlay(tmp_path, "\n".join(lines))
    if done.returncode == 99:
        pytest.skip(f"this machine mounts no overlay: {done.stderr}")
    assert (done.returncode, REFUSED in done.stderr) == (REFUSED_STATUS, True), done.stdout + done.stderr
    text, _, listed = done.stdout.partition("===\n")
    assert text.count("[global]\n") == 1 and listed.startswith("644\n")
    assert "global.require-virtualenv='true'" in listed
    assert not own or ("install.timeout='7'" in listed and "global.index-url='https://mirror" in listed)
