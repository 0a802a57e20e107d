"""Answers that stackenv gives without conda equal conda's own, value by value and in conda's order.

The questions are in activation_cases.py and activation_odd_cases.py; conda is the installation's own. The
questions that are left for conda to answer are exactly those in handed_over.txt.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from activation_cases import EVERYDAY
from activation_odd_cases import CASES, OTHERS, PRODUCTS
from activation_world import OLDEST, Case, World
from built import BuiltModules
from oldest_conda import make_oldest_installation

HANDED_OVER = frozenset(Path(__file__).with_name("handed_over.txt").read_text().splitlines())
SAVED = "__CONDA_SHLVL_"
# Successes and failures, messages on standard error, and each way to read a file: for these, a forked conda
# is compared with a newly started one.
STARTED = (
    "by name",
    "deactivate down to a stacked one",
    "a condarc of a year",
    "changeps1 in condarc.d/a.yml of /etc/conda",
    "in both, the installation read-only",
    "state set before, left",
    "state: a slash, set before",
    "a name that is no UTF-8",
    "changeps1: never",
    "no YAML: a tab",
    "a name that is not there",
    "usage: activate one two",
)

# Odd bytes, the environment's own values, levels, and questions that are handed over.
PRINTED = (
    "stacked, the flag last",
    "deactivate down to a stacked one",
    "state reactivated",
    "state set before, left",
    "state: in UTF-8",
    "state: a surrogate",
    "state: quotes and newlines",
    "a name that is no UTF-8",
    "a name with an umlaut",
    "a name with quotes",
    "PATH with odd characters",
    "scripts with odd names",
    "a condarc in UTF-8",
    "a name that is not there",
    "no YAML: a tab",
)


def sort_saved(answer: dict[str, Any] | None) -> str:
    """Return the text of an answer, with the values that it saves sorted: conda keeps them in a set."""
    if answer is None:
        return "null"
    exports = answer["vars"]["export"]
    saved = iter(sorted(name for name in exports if name.startswith(SAVED)))
    names = [next(saved) if name.startswith(SAVED) else name for name in exports]
    exports = {name: exports[name] for name in names}
    return json.dumps({**answer, "vars": {**answer["vars"], "export": exports}}, indent=1)


def is_answered(world: World, case: Case) -> bool:
    """Return whether a question is answered without conda; assert that answer and messages are conda's."""
    found = world.evaluate(case)
    if found is None:
        return False
    condas, ours = found
    assert condas.answer is not None, f"conda fails here: {condas.stderr}"
    if case.dialect == "csh":
        # The prompt is not compared: conda would need csh's in the environment; ours is added by the program.
        assert condas.answer["vars"]["set"].keys() <= {"prompt"}
        condas.answer["vars"]["set"] = {}
    assert sort_saved(ours.answer) == sort_saved(condas.answer)
    assert ours.stderr == condas.stderr
    return True


@pytest.mark.parametrize("name", EVERYDAY)
def test_everyday_questions_are_answered_as_conda_does(activation_world: World, name: str) -> None:
    assert is_answered(activation_world, EVERYDAY[name])
    assert name not in HANDED_OVER


@pytest.mark.any_value("name", of=2)
@pytest.mark.parametrize("name", OTHERS)
def test_less_common_questions_get_condas_answer_or_are_handed_over(
    activation_world: World, name: str
) -> None:
    assert is_answered(activation_world, OTHERS[name]) == (name not in HANDED_OVER)


@pytest.mark.any_value("name", of=5)
@pytest.mark.parametrize("name", PRODUCTS)
def test_combined_questions_get_condas_answer_or_are_handed_over(activation_world: World, name: str) -> None:
    assert is_answered(activation_world, PRODUCTS[name]) == (name not in HANDED_OVER)


@pytest.mark.any_value("name", of=6)
@pytest.mark.parametrize("dialect", ["csh", "fish"])
@pytest.mark.parametrize("name", EVERYDAY)
def test_everyday_questions_of_csh_and_fish_are_answered_as_conda_does(
    activation_world: World, name: str, dialect: str
) -> None:
    assert is_answered(activation_world, dataclasses.replace(EVERYDAY[name], dialect=dialect))


@pytest.mark.parametrize("name", STARTED)
def test_a_forked_conda_answers_like_a_newly_started_one(activation_world: World, name: str) -> None:
    """All other tests ask a forked conda."""
    forked = activation_world.ask_forked_conda(CASES[name])
    started = activation_world.ask_started_conda(CASES[name])
    assert sort_saved(started.answer) == sort_saved(forked.answer)
    assert started.status == forked.status
    assert started.stderr == forked.stderr


@pytest.mark.each_value("name", "dialect", "language")
@pytest.mark.parametrize("language", ["C.UTF-8", "C", "de_DE.UTF-8"])
@pytest.mark.parametrize("dialect", ["sh", "csh", "fish"])
@pytest.mark.parametrize("name", PRINTED)
def test_the_program_prints_the_same_with_and_without_asking_conda(
    activation_world: World, name: str, dialect: str, language: str
) -> None:
    """The output is compared byte by byte, in each language; without -S, the program always asks conda."""
    case = CASES[name]
    shell = {"LANG": language, "STACKENV_CONDA_ROOT": "@ROOT@", "STACKENV_PROMPT": "=$ "}
    case = dataclasses.replace(case, environ={**shell, "STACKENV_CONDA_BEFORE": "clean", **case.environ})
    program = (f"{activation_world.root}/libexec/stackenv/activation.py", dialect, "base,hide,hide-modules")
    native, asked = (activation_world.start(case, flags, *program) for flags in ("-ISB", "-I"))
    assert (native.returncode, native.stdout) == (asked.returncode, asked.stdout)
    assert native.stderr == asked.stderr
    assert native.stdout or native.returncode


@pytest.mark.matrix
def test_answers_match_the_oldest_supported_conda(built_modules: BuiltModules, tmp_path: Path) -> None:
    installation = Path(built_modules.software, built_modules.miniconda)
    world = World(make_oldest_installation(installation, tmp_path / "oldest"), tmp_path / "world", OLDEST)
    try:
        answered = {name for name, case in CASES.items() if is_answered(world, case)}
    finally:
        world.stop()
    # All questions handed over with the newest conda are handed over with the oldest, too, and a few more.
    assert answered.isdisjoint(HANDED_OVER)
    assert answered >= EVERYDAY.keys()
    assert len(CASES) - len(HANDED_OVER) - len(answered) <= 20


def test_no_everyday_question_is_handed_over_to_conda(record_property: Callable[[str, object], None]) -> None:
    assert CASES.keys() - EVERYDAY.keys() >= HANDED_OVER
    subjects = Counter(name.partition(":")[0] if ":" in name else "others" for name in HANDED_OVER)
    record_property(
        "said",
        f"activation: of {len(CASES)} questions {len(HANDED_OVER)} are handed over to conda,"
        f" none of the {len(EVERYDAY)} everyday ones; by subject {dict(subjects.most_common())}",
    )
