"""Environments at paths that shells, Lua and URLs have to quote, in every shell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from session import Session
from shell_sessions import Dialect, changed, open_session
from stacked import Stack
from users import User, make_user

from stackenv.modulefile.lua_string import quote_lua

FOLDERS = {
    "space": "with a space",
    "quote": "it's mine",
    "quotes": 'the "best"',
    "letters": "größe-日本",
    "dollar": "$HOME `id` $(id)",
    "backslash": "back\\slash",
    "history": "oh!no",
    "pattern": "a*b?[c]",
    "braces": "{a,b}",
    "operators": "a;b&c|d",
    "hash": "#1 50%s %d",
}
WHERE = "import json, sys; json.dump(sys.prefix, sys.stdout)"


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory, one_stack: Stack) -> User:
    """Return a user with an adopted environment in each of `FOLDERS`."""
    user = make_user(tmp_path_factory.mktemp("odd"), one_stack)
    for name, folder in FOLDERS.items():
        prefix = user.home / "odd" / folder
        done = user.run(
            f'module load {one_stack.python_module}; python -m venv --without-pip "$PREFIX"',
            PREFIX=str(prefix),
        )
        adopted = user.stackenv("adopt", str(prefix), name, "-m", one_stack.bundle_module)
        assert (done.returncode, adopted.returncode) == (0, 0), done.stderr + adopted.stderr
        plain = user.home / f"plain/plain-{name}/1.lua"
        plain.parent.mkdir(parents=True)
        plain.write_text(
            f"setenv('STACKENV_TEST_PLAIN', {quote_lua(str(prefix))})\n"
            f"prepend_path('PATH', {quote_lua(f'{prefix}/bin')})\n"
        )
    return user


def open_for(dialect: Dialect, folder: Path, owner: User) -> Session:
    places = (owner.modules, owner.home / "plain", owner.stack.modulepath)
    return open_session(dialect, folder, owner.environ, *map(str, places))


def lmod_carries(dialect: Dialect, folder: Path, owner: User, name: str) -> bool:
    """Return whether Lmod and the shell set the values of a plain two-line module unchanged."""
    prefix = str(owner.home / "odd" / FOLDERS[name])
    folder.mkdir()
    session = open_for(dialect, folder, owner)
    result = session.do(f"module load plain-{name}").snapshot("plain").run()
    seen = result.snapshots.get("plain")
    return bool(seen) and (seen.environment.get("STACKENV_TEST_PLAIN"), seen.path[0]) == (
        prefix,
        f"{prefix}/bin",
    )


@pytest.mark.some_shells
@pytest.mark.parametrize("name", FOLDERS)
def test_an_environment_at_an_odd_path_can_be_loaded_used_and_deactivated(
    dialect, tmp_path, owner, name: str
) -> None:
    prefix = str(owner.home / "odd" / FOLDERS[name])
    if not lmod_carries(dialect, tmp_path / "plain", owner, name):
        pytest.skip(f"Lmod does not carry {FOLDERS[name]!r} to {dialect.name}, in any module")
    result = (
        open_for(dialect, tmp_path, owner)
        .snapshot("before")
        .check(f"module load {name}")
        .snapshot("loaded")
        .check(
            f"python -c {dialect.quote(WHERE)}",
            "python -c 'import numpy'",
            f"module load {name}",
            "deactivate",
        )
        .snapshot("after")
        .run()
    )
    assert (result.statuses, result.stderr) == ([0] * 5, "")
    assert json.loads(result.stdout) == prefix
    assert result.snapshots["loaded"].environment["VIRTUAL_ENV"] == prefix
    assert changed(result, "before", "after") == {}


@pytest.mark.parametrize("shell", ["bash", "fish", "tcsh"])
def test_paths_with_spaces_quotes_and_non_ascii_letters_are_not_skipped(
    shell: str, tmp_path: Path, owner: User
) -> None:
    from shell_sessions import DIALECTS

    for name in ("space", "quote", "letters"):
        assert lmod_carries(DIALECTS[shell], tmp_path / name, owner, name)
