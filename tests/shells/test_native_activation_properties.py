"""Random environments, configurations and variables: stackenv answers as conda does, or asks conda."""

from __future__ import annotations

import json
from typing import Any

import pytest
from activation_cases import ENVIRONMENTS
from activation_world import Case, Folder, Gone, Link, World
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from test_native_activation import is_answered

# Only a few names, so that questions often name existing environments.
NAMES = st.sampled_from(["one", "two", "three", "four", "bare", "stated", "odd", "base", "missing"])
ODD = st.sampled_from(
    ["it's", "a b", "ü\udcff", "$HOME", "{name}", "a,b", "a:b", "~", "...", "-x", "envs", "o\\d"]
)
FOLDERS = st.sampled_from(
    [ENVIRONMENTS, "@HOME@/.conda/envs", "@HOME@/work", "@ROOT@/envs", "@HOME@/a b/envs", "@HOME@/nowhere"]
)
TEXTS = st.text(
    st.characters(min_codepoint=1, max_codepoint=0x2FF, blacklist_categories=["Cs"]), max_size=6
) | st.sampled_from(["", "/x//y", "a:b", "***unset***", 'it\'s "$x"', "true", "5"])
VARIABLES = st.sampled_from(
    ["A", "B", "lower", "LOWER", "PYTHONPATH", "Mixed_1", "PATH", "PS1", "CONDA_X", "A-B"]
)
VALUES = TEXTS | st.integers(0, 9) | st.none() | st.booleans()
STATES = st.dictionaries(VARIABLES, VALUES, max_size=3)
# Lines of a condarc: the keys that matter, in every form that people write, and other lines around them.
SCALARS = st.sampled_from(
    [
        *("true", "false", "yes", "No", "on", "OFF", "y", "~", "", "0", "1", "2", "'1'", '"false"', "0.0"),
        *(
            "[]",
            "[a]",
            "{}",
            "''",
            "|",
            ">-",
            "&a x",
            "*a",
            "!!str 1",
            "2001-01-01",
            "1:30",
            "0x_",
            "._",
            "9_",
            "'it''s'",
        ),
        *("'({name}) '", '"[{default_env}] "', "({stacked_env})", "'{prefix}'", "'{x}'", "'{'", '"\\t"'),
        *(
            "~/work",
            "$HOME/work",
            "$A/work",
            "['~/work', '~/a b/envs']",
            "[~/work,~/nowhere]",
            "~/work # mine",
            "a: b",
        ),
    ]
)
KEYS = st.sampled_from(
    [
        *("changeps1", "env_prompt", "auto_stack", "envs_dirs", "envs_path", "envvars_force_uppercase"),
        *("channels", "ssl_verify", "pkgs_dirs", "notes", "'changeps1'", "custom_channels"),
    ]
)
COMMENTS = st.sampled_from(["", "", "", " ", " # why", "# why", " #!final", " #!top", "\t", "\r"])
LINES = st.one_of(
    st.builds("{}: {}{}".format, KEYS, SCALARS, COMMENTS),
    st.builds("{}:{}\n{}- {}\n{}- {}".format, KEYS, COMMENTS, st.just("  "), SCALARS, st.just("  "), SCALARS),
    st.builds("{}:\n- {}{}".format, KEYS, SCALARS, COMMENTS),
    st.builds("{}:\n  {}: {}".format, KEYS, KEYS, SCALARS),
    st.builds("{}:\n    {}".format, KEYS, SCALARS),
    st.sampled_from(["# a comment", "", "---", "...", "  # indented", "- a", "{", "? a", "%YAML 1.1"]),
)
PLAIN_LINES = st.sampled_from(
    [
        *("changeps1: false", "changeps1: true", "env_prompt: '<{name}> '", "env_prompt: '{stacked_env} '"),
        *("auto_stack: 1", "auto_stack: 2", "envs_dirs:\n  - ~/work", "channels:\n- a\n- b", "# a comment"),
    ]
)
CONDARCS = st.lists(PLAIN_LINES, unique_by=lambda line: line.partition(":")[0], max_size=4) | st.lists(
    LINES, max_size=3
)
PLACES = st.sampled_from(
    [
        *(
            "@HOME@/.condarc",
            "@HOME@/.conda/condarc",
            "@HOME@/.config/conda/condarc.d/a.yml",
            "@ROOT@/condarc",
        ),
        *(
            "@ROOT@/condarc.d/z.yaml",
            "@ETC@/conda/condarc",
            "@LIB@/conda/.condarc",
            f"{ENVIRONMENTS}/one/.condarc",
        ),
        *("@HOME@/xdg/conda/condarc", "@HOME@/my.yml"),
    ]
)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "CONDA_CHANGEPS1": st.sampled_from(["true", "false", "0", "", "x"]),
        "CONDA_ENV_PROMPT": st.sampled_from(["({name}) ", "{stacked_env}", "", "{", "x"]),
        "CONDA_AUTO_STACK": st.sampled_from(["0", "1", "2", "", "true"]),
        "CONDA_ENVS_PATH": st.sampled_from(
            ["@HOME@/work", "~/conda/envs:$HOME/work", "$A/envs", "$B:${A}", "", ":", "work", None]
        ),
        "CONDA_ENVS_DIRS": st.sampled_from(["@HOME@/work", None]),
        "CONDARC": st.sampled_from(["@HOME@/my.yml", "~/my.yml", "", "@HOME@/.condarc"]),
        "XDG_CONFIG_HOME": st.sampled_from(["@HOME@/xdg", "@HOME@/.config", ""]),
        "PS1": TEXTS.map(lambda text: text.replace("\0", "")) | st.just("(one) $ "),
        "HOME": st.sampled_from(["@HOME@", "@HOME@/", "/nowhere", None]),
        "A": TEXTS | st.sampled_from(["$B", "${B}/work", "@HOME@", "~"]),
        "B": st.sampled_from(["@HOME@", "@HOME@/work", "$A"]),
        "PATH": st.lists(
            st.sampled_from(
                ["/usr/bin", "", ".", "/opt//x/", f"{ENVIRONMENTS}/one/bin", "@ROOT@/condabin", "/ü"]
            ),
            max_size=4,
        ).map(":".join),
    },
)
# Variables that a shell may have lost after some time of use.
LOSSES = st.dictionaries(
    st.sampled_from(
        ["CONDA_SHLVL", "CONDA_PREFIX", "CONDA_PREFIX_1", "CONDA_DEFAULT_ENV", "CONDA_STACKED_2", "PATH"]
    ),
    st.sampled_from([None, "", "1", f"{ENVIRONMENTS}/one", f"{ENVIRONMENTS}/one/bin:/usr/bin"]),
    max_size=1,
)
COMMANDS = st.one_of(
    st.tuples(st.just("activate"), NAMES | ODD),
    st.tuples(st.just("activate"), st.sampled_from(["--stack", "--no-stack"]), NAMES),
    st.tuples(st.just("activate"), st.builds("{}/{}".format, FOLDERS, NAMES)),
    st.just(("deactivate",)),
    st.just(("reactivate",)),
)


@st.composite
def draw_environment(draw: st.DrawFn) -> dict[str, Any]:
    """Return the files of an environment: a random choice of what an environment may contain."""
    prefix = f"{draw(FOLDERS)}/{draw(NAMES | ODD)}"
    files: dict[str, Any] = {f"{prefix}/conda-meta/history": ""}
    if draw(st.booleans()):
        files[f"{prefix}/conda-meta/state"] = json.dumps({"env_vars": draw(STATES)})
    for name in draw(st.lists(st.sampled_from(["a.json", "b.json", "c"]), unique=True, max_size=2)):
        files[f"{prefix}/etc/conda/env_vars.d/{name}"] = json.dumps(draw(STATES))
    for name in draw(
        st.lists(st.sampled_from(["a.sh", "b.sh", "Z.sh", "c.fish", "ü.sh"]), unique=True, max_size=2)
    ):
        files[f"{prefix}/etc/conda/{draw(st.sampled_from(['activate.d', 'deactivate.d']))}/{name}"] = ""
    return files


@st.composite
def draw_case(draw: st.DrawFn) -> Case:
    """Return a question, with its own files and variables."""
    files: dict[str, Any] = {}
    for more in draw(st.lists(draw_environment(), max_size=2)):
        files.update(more)
    for place in draw(st.lists(PLACES, unique=True, max_size=2)):
        files[place] = "\n".join(draw(CONDARCS)) + draw(st.sampled_from(["\n", ""]))
    spoiled = draw(
        st.dictionaries(
            st.sampled_from([f"{ENVIRONMENTS}/one", f"{ENVIRONMENTS}/two", "@HOME@/.condarc", "@HOME@/work"]),
            st.sampled_from([Gone, Folder, Link("nowhere"), Link("@HOME@/work/place")]),
            max_size=draw(st.sampled_from([0, 0, 0, 1])),
        )
    )
    return Case(
        command=draw(COMMANDS),
        environ=draw(SETTINGS),
        files=files,
        before=tuple(draw(st.lists(COMMANDS, max_size=3))),
        may_fail=True,
        then=spoiled,
        then_environ=draw(st.just({}) | LOSSES),
        folder=draw(st.sampled_from(["@HOME@", "/"])),
    )


def see_that_it_is_condas(world: World, examples: int) -> None:
    """Compare the two answers to this number of questions; some of them must not be handed over."""
    answered = []

    @limit(examples)
    @given(case=draw_case())
    def ask(case: Case) -> None:
        answered.append(is_answered(world, case))
        event("answered" if answered[-1] else "handed over to conda")

    ask()
    assert any(answered)


def limit(examples: int) -> settings:
    """Return the settings for this number of questions."""
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


def test_random_questions_get_condas_answer_or_are_handed_over(activation_world: World) -> None:
    see_that_it_is_condas(activation_world, 100)


@pytest.mark.matrix
def test_many_random_questions_get_condas_answer_or_are_handed_over(activation_world: World) -> None:
    see_that_it_is_condas(activation_world, 1500)
