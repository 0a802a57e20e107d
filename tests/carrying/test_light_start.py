"""A start without modules imports as little as possible, because each import slows down every start."""

from __future__ import annotations

import importlib.util
import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from built import CHECKOUT
from needy_stack import NeedleStack
from users import make_user

MODULES = "import sys; print(*sorted(sys.modules))"
# Runs carry.py alone, before json and its imports are loaded.
READ = """\
import importlib.util, sys
spec = importlib.util.spec_from_file_location("carry", sys.argv[1])
carry = importlib.util.module_from_spec(spec)
spec.loader.exec_module(carry)
try:
    print(ascii(carry.read_json(sys.argv[2])))
except Exception as error:
    print(ascii(error))
print("json" in sys.modules)
"""
TEXTS = (
    '{"a": [1, -2.5e3, "x\\u00e9\\ud83d\\ude00 é", null, true, false], "b": {"c": []}}\n',
    '{"a": NaN, "b": [Infinity, -Infinity, 1e400, 99999999999999999999]}',
)
NO_TEXTS = ("", "{", "[1,]", "nope", '["a\nb"]', '{"a": 1} x', "[" * 100_000)


def test_a_bare_start_imports_only_two_more_modules_than_a_loaded_one(
    needle_stack: NeedleStack, tmp_path: Path
) -> None:
    user = make_user(tmp_path, needle_stack)
    made = user.stackenv("create", "bio", load=[needle_stack.bundle_module])
    assert made.returncode == 0, made.stderr
    python = f"{user.home}/venvs/bio-1.0/bin/python"
    loaded = user.run(f"module use ~/modules; module load bio; {python} -c '{MODULES}'")
    bare = user.run(f"{python} -c '{MODULES}'")
    assert (loaded.stderr, bare.stderr) == ("", "")
    assert set(bare.stdout.split()) - set(loaded.stdout.split()) == {"_json", "_stackenv_carry"}


def list_compiled(prefix: Path) -> list[str]:
    """Return stackenv's files in the environment whose compiled versions are up to date."""
    return [
        file.name
        for file in sorted(prefix.glob("lib/python3*/site-packages/_stackenv_*.py"))
        for compiled in [Path(importlib.util.cache_from_source(str(file)))]
        if compiled.exists()
        # PEP 552: the header has the time and size of the source.
        and struct.unpack_from("<II", compiled.read_bytes(), 8)
        == (int(file.stat().st_mtime) & 0xFFFFFFFF, file.stat().st_size)
    ]


def test_every_command_that_writes_stackenvs_files_compiles_them(
    needle_stack: NeedleStack, tmp_path: Path
) -> None:
    """A user who cannot write to the environment would otherwise compile them at each start."""
    user = make_user(tmp_path, needle_stack)
    prefix, both = user.home / "venvs/bio-1.0", ["_stackenv_carry.py", "_stackenv_layers.py"]
    for command in (
        f"create bio -m {needle_stack.bundle_module}",
        "edit bio --refresh",
        "rename bio biology",
        "rebuild biology",
    ):
        done = user.stackenv(*command.split())
        assert done.returncode == 0, done.stderr
        assert "started without its modules" not in done.stderr
        folder = prefix.with_name("biology-1.0-2") if "rebuild" in command else prefix
        assert list_compiled(folder) == both, command
    made = user.run(f"module load {needle_stack.bundle_module}; python -m venv --without-pip mine")
    assert made.returncode == 0, made.stderr
    adopted = user.stackenv("adopt", "mine", load=[needle_stack.bundle_module])
    assert adopted.returncode == 0, adopted.stderr
    assert list_compiled(user.home / "mine") == both


def test_adopt_reports_a_python_that_fails_without_its_modules(
    rpath_stack: NeedleStack, tmp_path: Path
) -> None:
    user = make_user(tmp_path, rpath_stack)
    made = user.run(f"module load {rpath_stack.bundle_module}; python -m venv --without-pip mine")
    assert made.returncode == 0, made.stderr
    (packages,) = (user.home / "mine").glob("lib/python3*/site-packages")
    packages.joinpath("ends.pth").write_text("import os, sys; os.environ.get('LMOD_CMD') or os._exit(3)\n")
    adopted = user.stackenv("adopt", "mine", load=[rpath_stack.bundle_module])
    assert adopted.returncode == 0, adopted.stderr
    said = " ".join(adopted.stderr.split())
    assert f"{user.home}/mine/bin/python, started without its modules: status 3" in said, said


@pytest.mark.parametrize("text", [*TEXTS, *NO_TEXTS], ids=lambda text: text[:8])
def test_carry_reads_json_like_the_json_module(text: str, tmp_path: Path) -> None:
    try:
        wanted = ascii(json.loads(text))
    except (ValueError, RecursionError) as error:
        wanted = ascii(error)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", READ, f"{CHECKOUT}/modulefiles/libexec/carry.py", text],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [wanted, str(text in NO_TEXTS)]
