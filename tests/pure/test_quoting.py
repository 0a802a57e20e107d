"""Real shells and a real Lua read back byte for byte what the quoters write.

One process reads many texts. A script is a file, since the code of Lmod and conda is never an argument.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from in_ci import fail_or_skip

from stackenv.modulefile.dialect import (
    quote_csh,
    quote_fish,
    quote_sh,
    render_csh,
    render_fish,
    render_sh,
)
from stackenv.modulefile.lua_string import quote_lua

ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8"}
NASTY = "'\"`$\\!*?[]{}~;&|<>()#%^=:,. -\n\t\r\x01\x1b\x7fé\u2028\U0001f40d"
CHARACTERS = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
TEXTS = st.lists(
    st.text(CHARACTERS, max_size=30) | st.text(st.sampled_from(NASTY + "aZ0"), max_size=30),
    min_size=10,
    max_size=60,
)
ONE_OF_EACH = [
    *NASTY,
    *(a + b for a in NASTY[:30] for b in "'!\\\n"),
    "",
    "-n",
    "-e",
    "--",
    "a'b'c",
    "!!",
    "=ls",
    "=0",
    "a:=ls",
]
SH_LIKE = {"bash": "bash", "zsh": "zsh -f", "ksh": "ksh", "mksh": "mksh", "dash": "dash"}
OTHERS = {"tcsh": "tcsh -f", "csh": "csh -f", "fish": "fish --no-config"}
FEW = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
)


def require(*programs: str) -> str:
    """Return the first of `programs` that is installed; if none is, skip, or fail in CI."""
    found = next((program for program in programs if shutil.which(program)), "")
    if not found:
        message = f"none of {', '.join(programs)} is installed"
        fail_or_skip(message)
    return found


def run_script(command: str, script: str) -> bytes:
    """Return what `command` prints when it runs `script` from a file."""
    require(command.split()[0])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "script")
        path.write_bytes(script.encode())
        done = subprocess.run(
            [*command.split(), str(path)],
            cwd=folder,
            env=ENVIRON,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def as_words(texts: Sequence[str]) -> bytes:
    return b"".join(text.encode() + b"\0" for text in texts)


@pytest.mark.parametrize("shell", SH_LIKE)
@FEW
@given(texts=TEXTS)
@example(texts=ONE_OF_EACH)
def test_a_quoted_word_is_unchanged_in_a_posix_shell(shell: str, texts: list[str]) -> None:
    script = f"/usr/bin/printf '%s\\0' {' '.join(map(quote_sh, texts))}\n"
    assert run_script(SH_LIKE[shell], script) == as_words(texts)


@pytest.mark.parametrize(("shell", "quote"), [("tcsh", quote_csh), ("csh", quote_csh), ("fish", quote_fish)])
@FEW
@given(texts=TEXTS)
@example(texts=ONE_OF_EACH)
def test_a_quoted_word_is_unchanged_in_csh_and_fish(shell: str, quote, texts: list[str]) -> None:
    script = f"/usr/bin/printf '%s\\0' {' '.join(map(quote, texts))}\n"
    assert run_script(OTHERS[shell], script) == as_words(texts)


# Evaluates code as modulefiles/shell/conda.csh does with the output of activation.py. In a command
# substitution of csh a newline ends a word even within quotes, so the texts here have no newlines.
CSH_EVAL = """\
set __se_code = ( "`cat {code}`" )
eval "unset __se_code; $__se_code:q"
"""


@pytest.mark.parametrize("shell", ["tcsh", "csh"])
@FEW
@given(texts=TEXTS)
@example(texts=ONE_OF_EACH)
def test_a_quoted_word_is_unchanged_by_the_eval_of_conda_csh(shell: str, texts: list[str]) -> None:
    texts = [text.replace("\n", "") for text in texts]
    with tempfile.TemporaryDirectory() as folder:
        code = Path(folder, "code")
        lines = "".join(f"/usr/bin/printf '%s\\0' {quote_csh(text)};\n" for text in texts)
        # As bytes, so that carriage returns are kept: write_text has no `newline` before Python 3.10.
        code.write_bytes(lines.encode())
        assert run_script(OTHERS[shell], CSH_EVAL.format(code=code)) == as_words(texts)


RENDERERS = {
    **{shell: (command, render_sh) for shell, command in SH_LIKE.items()},
    "tcsh": (OTHERS["tcsh"], render_csh),
    "fish": (OTHERS["fish"], render_fish),
}
NAMES = ("SE_A", "SE_B", "SE_C", "SE_D")


@pytest.mark.parametrize("shell", RENDERERS)
@FEW
@given(texts=st.lists(st.text(CHARACTERS, max_size=30), min_size=len(NAMES), max_size=len(NAMES)))
@example(texts=["=ls", "a:=ls", "=0", "~"])
@example(texts=["it's", "$HOME `id` !!", 'a\\"b', "-n * ? [a] {b,c}"])
def test_an_exported_variable_is_passed_on_unchanged(shell: str, texts: list[str]) -> None:
    command, render = RENDERERS[shell]
    statements = [render(("export", name, text)) for name, text in zip(NAMES, texts)]
    seen = dict(
        entry.partition(b"=")[::2]
        for entry in run_script(command, "\n".join([*statements, "/usr/bin/env -0", ""])).split(b"\0")
    )
    assert [seen[name.encode()] for name in NAMES] == [text.encode() for text in texts]


@pytest.mark.parametrize("shell", RENDERERS)
@FEW
@given(
    entries=st.lists(
        st.text(st.characters(exclude_characters="\0:", exclude_categories=["Cs"]), min_size=1, max_size=20),
        min_size=1,
        max_size=4,
    )
)
def test_an_exported_path_is_passed_on_with_all_its_entries(shell: str, entries: list[str]) -> None:
    command, render = RENDERERS[shell]
    path = ":".join([*("/" + entry for entry in entries), "/usr/bin"])
    seen = run_script(command, render(("export", "PATH", path)) + "\n/usr/bin/printenv PATH\n")
    assert seen == path.encode() + b"\n"


@pytest.mark.parametrize("shell", RENDERERS)
def test_an_unset_variable_is_not_passed_on(shell: str) -> None:
    command, render = RENDERERS[shell]
    statements = [render(("export", "SE_A", "text")), render(("unset", "SE_A")), "/usr/bin/env", ""]
    assert b"SE_A" not in run_script(command, "\n".join(statements))


@pytest.mark.parametrize("shell", RENDERERS)
@pytest.mark.parametrize("name", ["a b", "it's", "$HOME", "-x", "{a,b}", "a;id"])
def test_a_script_with_any_name_is_sourced(shell: str, name: str, tmp_path: Path) -> None:
    command, render = RENDERERS[shell]
    script = tmp_path / name
    script.write_text("echo sourced\n")
    assert run_script(command, render(("source", str(script))) + "\n") == b"sourced\n"


@pytest.mark.parametrize("render", [render_sh, render_csh, render_fish])
@pytest.mark.parametrize("verb", ["export", "unset"])
@pytest.mark.parametrize("name", ["", "1A", "A B", "A;id", "A\n", "É", "A=B"])
def test_an_invalid_variable_name_is_refused(render, verb: str, name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a variable"):
        render((verb, name, "text"))


@pytest.mark.parametrize("shell", ["bash", "zsh", "ksh", "mksh", "dash"])
@FEW
@given(text=st.text(CHARACTERS, max_size=30))
def test_a_prompt_is_set_unchanged(shell: str, text: str) -> None:
    script = render_sh(("prompt", text)) + "\n/usr/bin/printf '%s\\0' \"$PS1\"\n"
    assert run_script(SH_LIKE[shell], script) == text.encode() + b"\0"


# Lua reads the expression from a file, as Lmod reads a modulefile.
LUA = "local texts = {\n%s\n}\nfor _, text in ipairs(texts) do io.write(#text, ':', text) end\n"


def as_netstrings(texts: Sequence[str]) -> bytes:
    return b"".join(str(len(text.encode())).encode() + b":" + text.encode() for text in texts)


@FEW
@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), min_size=10, max_size=60)
)
@example(
    texts=[*NASTY, "\0", "\0001", "\n", "\r\n", "]]\n", "]\n]", "\n]=", "\n\n", "a\n]]]=]", "\\\n", "\n\0"]
)
def test_a_quoted_text_is_unchanged_in_lua(texts: list[str]) -> None:
    script = LUA % ",\n".join(map(quote_lua, texts))
    assert run_script(require("lua", "lua5.3", "lua5.1", "lua5.4"), script) == as_netstrings(texts)


@FEW
@given(texts=st.lists(st.text(st.sampled_from("]=[\n\r\\\"'a1-"), max_size=12), min_size=10, max_size=60))
def test_a_text_of_brackets_is_unchanged_in_lua(texts: list[str]) -> None:
    script = LUA % ",\n".join(map(quote_lua, texts))
    assert run_script(require("lua", "lua5.3", "lua5.1", "lua5.4"), script) == as_netstrings(texts)
