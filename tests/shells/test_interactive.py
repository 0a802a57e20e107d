"""Interactive shells: the prompt shows the environment's name, and the user's own prompt is restored."""

from __future__ import annotations

import pytest
from session import Session

pytestmark = [pytest.mark.some_shells, pytest.mark.both_activations]

LOAD = "module load Anaconda3/2024.02-1"
PROMPTS = {"sh": "PS1='mine\"$ '", "csh": "set prompt = 'mine%% > '", "fish": ""}


@pytest.mark.parametrize("own", [False, True], ids=["the shell's prompt", "a prompt of one's own"])
@pytest.mark.parametrize("leave", ["conda deactivate", "module unload Anaconda3"])
def test_the_prompt_is_restored(session: Session, own: bool, leave: str) -> None:
    dialect = session.dialect
    session.interactive = True
    if own and dialect.family == "fish":
        session.do("function fish_prompt; echo -n 'mine '; end")
    elif own:
        session.do(PROMPTS[dialect.family])
    elif dialect.name == "tcsh":
        session.do("set prompt = '%# '")
    session.do(dialect.prompt(f"{session.folder}/p0"), LOAD)
    for number, command in enumerate(["conda activate one", "conda activate two", LOAD], 1):
        session.do(command, dialect.prompt(f"{session.folder}/p{number}"))
    if leave.startswith("conda"):
        session.do(leave)
    session.do(leave, dialect.prompt(f"{session.folder}/p4"))
    result = session.run()
    seen = [(session.folder / f"p{number}").read_text() for number in range(5)]
    assert seen[1].startswith("(one) "), result.stderr
    assert seen[1].endswith(seen[0])
    assert seen[2] == seen[3] == seen[1].replace("one", "two")
    assert seen[4] == seen[0]


def test_a_script_gets_no_prompt(session: Session) -> None:
    if session.dialect.name not in ("bash", "tcsh"):
        pytest.skip("the other shells set a prompt in scripts too")
    word = "if ( $?prompt ) echo has" if session.dialect.family == "csh" else "echo ${PS1+has}"
    result = session.check(LOAD, "conda activate one").do(word).check("conda deactivate").do(word).run()
    assert (result.statuses, result.stdout.split()) == ([0, 0, 0], [])
