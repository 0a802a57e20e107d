"""A start without modules imports no more than it must, for each import adds to every start."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from built import CHECKOUT
from needy_stack import NeedleStack
from users import make_user

MODULES = "import sys; print(*sorted(sys.modules))"
# Of carry.py alone: neither json nor what it would import is there yet.
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


def test_it_imports_what_a_start_with_the_module_does_and_carry(
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


@pytest.mark.parametrize("text", [*TEXTS, *NO_TEXTS], ids=lambda text: text[:8])
def test_it_reads_json_as_the_module_json_does(text: str, tmp_path: Path) -> None:
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
