"""Rare questions, and questions in odd situations; some are left for conda to answer."""

from __future__ import annotations

from activation_cases import ENVIRONMENTS, EVERYDAY, NO_PROMPT, OF_PACKAGES, STATE, ask, rc, state
from activation_condarc_cases import ENVS_DIRS, KEYS, PLACES, list_condarc_places
from activation_world import Case, Folder, Gone, Link, Mode

UNSET = "***unset***"
VARIABLES = {
    "CONDA_CHANGEPS1": ask("activate one", environ={"CONDA_CHANGEPS1": "false"}),
    "CONDA_CHANGEPS1=0": ask("activate one", environ={"CONDA_CHANGEPS1": "0"}),
    "CONDA_CHANGEPS1 empty": ask("activate one", environ={"CONDA_CHANGEPS1": ""}),
    "CONDA_CHANGEPS1 odd": ask("activate one", environ={"CONDA_CHANGEPS1": "perhaps"}),
    "CONDA_CHANGEPS1 over a condarc": ask(
        "activate one", files=rc(NO_PROMPT), environ={"CONDA_CHANGEPS1": "yes"}
    ),
    "CONDA_changeps1": ask("activate one", environ={"CONDA_changeps1": "false"}),
    "CONDA_ENV_PROMPT": ask("activate one", environ={"CONDA_ENV_PROMPT": "<{name}> "}),
    "CONDA_ENV_PROMPT, a number": ask("activate one", environ={"CONDA_ENV_PROMPT": "5"}),
    "CONDA_AUTO_STACK": ask("activate two", "activate one", environ={"CONDA_AUTO_STACK": "1"}),
    "CONDA_AUTO_STACK odd": ask("activate two", "activate one", then_environ={"CONDA_AUTO_STACK": "x"}),
    "CONDA_ENVVARS_FORCE_UPPERCASE": ask("activate one", environ={"CONDA_ENVVARS_FORCE_UPPERCASE": "false"}),
    "CONDA_ROOT_PREFIX": ask("activate base", environ={"CONDA_ROOT_PREFIX": "@HOME@/work/place"}),
    "CONDA_ROOT_DIR": ask("activate base", environ={"CONDA_ROOT_DIR": "@HOME@/work/place"}),
    "CONDA_ROOT": ask(
        "activate one", environ={"CONDA_ROOT": "@HOME@/work"}, files={"@HOME@/work/.condarc": NO_PROMPT}
    ),
    "CONDA_DEV": ask("activate one", environ={"CONDA_DEV": "1"}),
    "CONDA_JSON": ask("activate one", environ={"CONDA_JSON": "1"}),
    "CONDA_JSON, not found": ask("activate nothing", environ={"CONDA_JSON": "1"}),
    "CONDA_DEBUG": ask("activate one", environ={"CONDA_DEBUG": "1"}),
    "CONDA_VERBOSITY": ask("activate one", environ={"CONDA_VERBOSITY": "3"}),
    "CONDA_NO_PLUGINS": ask("activate one", environ={"CONDA_NO_PLUGINS": "true"}),
    "CONDA_CHANNELS": ask("activate one", environ={"CONDA_CHANNELS": "a,b"}),
    "CONDA_SOLVER": ask("activate one", environ={"CONDA_SOLVER": "classic"}),
    "CONDA_OFFLINE odd": ask("activate one", environ={"CONDA_OFFLINE": "perhaps"}),
    "CONDA_FORCE_32BIT": ask("activate one", environ={"CONDA_FORCE_32BIT": "1"}),
    "CONDA_PROMPT_MODIFIER of another": ask(
        "activate one", environ={"CONDA_PROMPT_MODIFIER": "(x) ", "PS1": "(x) $ "}
    ),
    "PS1 of powerline": ask("activate one", environ={"PS1": "$(POWERLINE_COMMAND)"}),
    "PS1 with quotes": ask("activate one", environ={"PS1": 'it\'s "\\u" $ '}),
    "no PS1": ask("activate one", environ={"PS1": None}),
    "PS1 twice the modifier": ask(
        "activate two", "activate one", then_environ={"PS1": "(one) (one) [x.*] $ "}
    ),
    "a modifier that is a pattern": ask(
        "activate one", environ={"CONDA_PROMPT_MODIFIER": "[.*] ", "PS1": "[.*] $ "}
    ),
    "PYTHONPATH": ask("activate one", environ={"PYTHONPATH": "@HOME@/work", "PYTHONHOME": "/nowhere"}),
}
LEVEL_NUMBERS = {
    f"CONDA_SHLVL={text!r}, {command}": ask(
        command,
        environ={
            "CONDA_SHLVL": text,
            "CONDA_PREFIX": f"{ENVIRONMENTS}/one",
            "CONDA_DEFAULT_ENV": "one",
            "PATH": f"{ENVIRONMENTS}/one/bin:@ROOT@/condabin:/usr/bin:/bin",
        },
    )
    for text in ("", "0", " 1 ", "01", "-1", "1.0", "one", "3", "+1", "1_0", "\u0661")
    for command in ("activate two", "deactivate", "reactivate")
}
HALF_STATES = {
    "no CONDA_SHLVL, an active prefix": ask(
        "activate two", "activate one", then_environ={"CONDA_SHLVL": None}
    ),
    "no CONDA_PREFIX, a level": ask("activate two", "activate one", then_environ={"CONDA_PREFIX": None}),
    "no CONDA_PREFIX, deactivate": ask("deactivate", "activate one", then_environ={"CONDA_PREFIX": None}),
    "no CONDA_PREFIX, reactivate": ask("reactivate", "activate one", then_environ={"CONDA_PREFIX": None}),
    "CONDA_PREFIX empty": ask("activate two", "activate one", then_environ={"CONDA_PREFIX": ""}),
    "CONDA_PREFIX empty, deactivate": ask("deactivate", "activate one", then_environ={"CONDA_PREFIX": ""}),
    "no CONDA_PREFIX_1": ask(
        "deactivate", "activate one", "activate two", then_environ={"CONDA_PREFIX_1": None}
    ),
    "CONDA_PREFIX_1 empty": ask(
        "deactivate", "activate one", "activate two", then_environ={"CONDA_PREFIX_1": ""}
    ),
    "no CONDA_PREFIX_1, the prompt": ask(
        "activate three", "activate one", "activate two", then_environ={"CONDA_PREFIX_1": None}
    ),
    "CONDA_STACKED_2 empty": ask(
        "deactivate", "activate one", "activate --stack two", then_environ={"CONDA_STACKED_2": ""}
    ),
    "no CONDA_DEFAULT_ENV, reactivate": ask(
        "reactivate", "activate one", then_environ={"CONDA_DEFAULT_ENV": None}
    ),
    "another CONDA_DEFAULT_ENV, reactivate": ask(
        "reactivate", "activate one", then_environ={"CONDA_DEFAULT_ENV": "x"}
    ),
    "CONDA_PREFIX with a slash": ask(
        "activate one", "activate one", then_environ={"CONDA_PREFIX": f"{ENVIRONMENTS}/one/"}
    ),
    "CONDA_PREFIX with a slash, deactivate": ask(
        "deactivate", "activate one", then_environ={"CONDA_PREFIX": f"{ENVIRONMENTS}/one/"}
    ),
    "the active one vanished": ask("deactivate", "activate one", then={f"{ENVIRONMENTS}/one": Gone}),
    "the active one vanished, activate": ask(
        "activate two", "activate one", then={f"{ENVIRONMENTS}/one": Gone}
    ),
    "the active one vanished, reactivate": ask(
        "reactivate", "activate one", then={f"{ENVIRONMENTS}/one": Gone}
    ),
    "the first one vanished": ask(
        "deactivate", "activate one", "activate two", then={f"{ENVIRONMENTS}/one": Gone}
    ),
    "the one to activate vanished": ask("activate two", "activate one", then={f"{ENVIRONMENTS}/two": Gone}),
    "the active one cannot be read": ask("deactivate", "activate one", then={f"{ENVIRONMENTS}/one": Mode(0)}),
    "not on PATH": ask("deactivate", "activate one", then_environ={"PATH": "/usr/bin:/bin"}),
    "not on PATH, replaced": ask("activate two", "activate one", then_environ={"PATH": "/usr/bin:/bin"}),
    "not on PATH, reactivate": ask("reactivate", "activate one", then_environ={"PATH": "/usr/bin:/bin"}),
    "not in front": ask(
        "activate two", "activate one", then_environ={"PATH": f"/opt/x/bin:{ENVIRONMENTS}/one/bin:/usr/bin"}
    ),
    "twice on PATH": ask(
        "deactivate",
        "activate one",
        then_environ={"PATH": f"{ENVIRONMENTS}/one/bin:/usr/bin:{ENVIRONMENTS}/one/bin"},
    ),
    "last on PATH": ask(
        "deactivate", "activate one", then_environ={"PATH": f"/usr/bin:{ENVIRONMENTS}/one/bin"}
    ),
    "alone on PATH": ask("deactivate", "activate one", then_environ={"PATH": f"{ENVIRONMENTS}/one/bin"}),
}
PATHS = {
    "no PATH": ask("activate one", environ={"PATH": None}),
    "PATH empty": ask("activate one", environ={"PATH": ""}),
    "PATH with empty entries": ask("activate one", environ={"PATH": ":/usr/bin::/bin:"}),
    "PATH with a dot": ask("activate one", environ={"PATH": ".:/usr/bin"}),
    "PATH with slashes and dots": ask("activate one", environ={"PATH": "/usr//bin/:/opt/../bin:/bin/."}),
    "PATH with two slashes in front": ask("activate one", environ={"PATH": "//usr/bin:///opt/bin"}),
    "PATH with odd characters": ask(
        "activate one", environ={"PATH": "/opt/it's $x/b\"in:/opt/ü/\udcff:/bin"}
    ),
    "PATH without condabin": ask("activate one", environ={"PATH": "/usr/bin:/bin"}),
    "PATH with another condabin": ask("activate one", environ={"PATH": "/opt/conda/condabin:/usr/bin"}),
    "PATH ends in a condabin of a name": ask("activate one", environ={"PATH": "/opt/mycondabin:/usr/bin"}),
    "PATH with a tilde": ask("activate one", environ={"PATH": "~/bin:/usr/bin"}),
    "a path with a slash at the end": ask(f"activate {ENVIRONMENTS}/one/"),
    "a path with slashes": ask("activate @HOME@//conda/./envs/../envs/one"),
    "a relative path": ask("activate ./one", folder=ENVIRONMENTS),
    "a relative path below": ask("activate conda/envs/one"),
    "a relative path above": ask("activate ../one", folder=f"{ENVIRONMENTS}/two"),
    "a dot": ask("activate .", folder=f"{ENVIRONMENTS}/one"),
    "a dot and a slash": ask("activate ./", folder=f"{ENVIRONMENTS}/one"),
    "two dots": ask("activate ..", folder=f"{ENVIRONMENTS}/one/bin"),
    "a tilde": ask("activate ~/conda/envs/one"),
    "a tilde alone": ask("activate ~"),
    "a variable in a path": ask("activate $HOME/conda/envs/one"),
    "a variable in a name": ask("activate $NAME", environ={"NAME": "one"}),
    "a backslash in a name": ask(("activate", "o\\ne")),
    "a backslash in a name that is there": ask(
        ("activate", "o\\ne"), files={f"{ENVIRONMENTS}/o\\ne/conda-meta/history": ""}
    ),
    "a path without conda-meta": ask("activate @HOME@/work"),
    "a path that is not there": ask("activate @HOME@/nowhere"),
    "a path to a file": ask("activate @HOME@/file", files={"@HOME@/file": ""}),
    "a name without conda-meta": ask("activate hollow", files={f"{ENVIRONMENTS}/hollow": Folder}),
    "a name of a file": ask("activate file", files={f"{ENVIRONMENTS}/file": ""}),
    "a name that is not there": ask("activate nothing"),
    "a name in capitals": ask("activate ONE"),
    "a name with a space": ask(
        ("activate", "my env"), files={f"{ENVIRONMENTS}/my env/conda-meta/history": ""}
    ),
    "a name with quotes": ask(
        ("activate", 'it\'s "x"'), files={f'{ENVIRONMENTS}/it\'s "x"/conda-meta/history': ""}
    ),
    "a name with an umlaut": ask(("activate", "ünï"), files={f"{ENVIRONMENTS}/ünï/conda-meta/history": ""}),
    "a name with braces": ask(
        ("activate", "{name}"), files={f"{ENVIRONMENTS}/{{name}}/conda-meta/history": ""}
    ),
    "a name with a hash": ask(("activate", "a#b"), files={f"{ENVIRONMENTS}/a#b/conda-meta/history": ""}),
    "a name with a colon": ask(("activate", "a:b"), files={f"{ENVIRONMENTS}/a:b/conda-meta/history": ""}),
    "a name with a comma": ask(("activate", "a,b"), files={f"{ENVIRONMENTS}/a,b/conda-meta/history": ""}),
    "a name with a newline": ask(("activate", "a\nb"), files={f"{ENVIRONMENTS}/a\nb/conda-meta/history": ""}),
    "a name with a tilde": ask(("activate", "~x"), files={f"{ENVIRONMENTS}/~x/conda-meta/history": ""}),
    "a name that is no UTF-8": ask(
        ("activate", "b\udcffd"), files={f"{ENVIRONMENTS}/b\udcffd/conda-meta/history": ""}
    ),
    "left, a name that is no UTF-8": ask(
        "deactivate",
        files={f"{ENVIRONMENTS}/b\udcffd/conda-meta/history": ""},
        environ={
            "CONDA_PREFIX": f"{ENVIRONMENTS}/b\udcffd",
            "CONDA_SHLVL": "1",
            "CONDA_DEFAULT_ENV": "b\udcffd",
        },
    ),
    "a name called base in the folder": ask(
        "activate base", files={f"{ENVIRONMENTS}/base/conda-meta/history": ""}
    ),
    "a link to an environment": ask("activate linked", files={f"{ENVIRONMENTS}/linked": Link("one")}),
    "a link by its path": ask("activate @HOME@/linked", files={"@HOME@/linked": Link("conda/envs/one")}),
    "a link that dangles": ask("activate linked", files={f"{ENVIRONMENTS}/linked": Link("nowhere")}),
    "a link to base": ask("activate linked", files={f"{ENVIRONMENTS}/linked": Link("@ROOT@")}),
    "a link to base by its path": ask("activate @HOME@/linked", files={"@HOME@/linked": Link("@ROOT@")}),
    "the folder of environments is a link": ask(
        "activate place", files={"@HOME@/envs": Link("work")}, environ={"CONDA_ENVS_PATH": "@HOME@/envs"}
    ),
    "the folder of environments cannot be read": ask("activate one", then={ENVIRONMENTS: Mode(0)}),
    "the environment cannot be read": ask("activate one", then={f"{ENVIRONMENTS}/one": Mode(0)}),
    "an environment in an environment": ask(
        f"activate {ENVIRONMENTS}/one/envs/x", files={f"{ENVIRONMENTS}/one/envs/x/conda-meta/history": ""}
    ),
    "no HOME": ask("activate one", environ={"HOME": None}),
    "no HOME, a tilde": ask("activate ~/x", environ={"HOME": None}),
    "HOME that is not there": ask("activate one", environ={"HOME": "/nowhere"}),
    "HOME empty": ask("activate one", environ={"HOME": ""}),
    "HOME relative": ask("activate four", environ={"HOME": "home"}, folder="@HOME@/.."),
    "HOME with a slash": ask("activate four", environ={"HOME": "@HOME@/"}),
    "~/.conda cannot be read": ask("activate one", then={"@HOME@/.conda": Mode(0)}),
}
SCRIPTS = {
    "scripts with odd names": ask(
        "activate one",
        files={
            f"{ENVIRONMENTS}/one/etc/conda/activate.d/{name}": ""
            for name in (
                "Z.sh",
                "a b.sh",
                "it's.sh",
                ".sh",
                "ü.sh",
                "b\udcff.sh",
                "10.sh",
                "9.sh",
                "x.SH",
                "x.sh~",
            )
        },
    ),
    "scripts that are folders and links": ask(
        "activate one",
        files={
            f"{ENVIRONMENTS}/one/etc/conda/activate.d/folder.sh": Folder,
            f"{ENVIRONMENTS}/one/etc/conda/activate.d/link.sh": Link("nowhere"),
        },
    ),
    "several scripts to leave": ask(
        "deactivate",
        "activate one",
        files={f"{ENVIRONMENTS}/one/etc/conda/deactivate.d/{name}.sh": "" for name in "bca"},
    ),
    "activate.d is a file": ask("activate bare", files={f"{ENVIRONMENTS}/bare/etc/conda/activate.d": ""}),
    "activate.d cannot be read": ask(
        "activate one", then={f"{ENVIRONMENTS}/one/etc/conda/activate.d": Mode(0)}
    ),
    "scripts of base": ask("activate base", files={"@ROOT@/etc/conda/activate.d/base.sh": ""}),
}


def odd_states() -> dict[str, Case]:
    """Return cases of a conda-meta/state that is not what `conda env config vars` writes."""
    cases = {}
    texts = {
        "no JSON": "{",
        "empty": "",
        "a list": "[]",
        "deep": "[" * 200000,
        "null": "null",
        "a number": "5",
        "env_vars a list": '{"env_vars": []}',
        "env_vars null": '{"env_vars": null}',
        "no env_vars": '{"version": 1}',
        "a key twice": '{"env_vars": {"A": "1", "A": "2"}}',
        "in UTF-8": '{"env_vars": {"A": "ü"}}',
        "an escape": '{"env_vars": {"A": "\\u00fc\\n\\t"}}',
        "a surrogate": '{"env_vars": {"A": "\\udcff"}}',
        "in Latin-1": b'{"env_vars": {"A": "\xfc"}}',
        "a byte order mark": b'\xef\xbb\xbf{"env_vars": {}}',
        "a number as a value": state({"A": 5}),
        "null as a value": state({"A": None}),
        "true as a value": state({"A": True}),
        "a list as a value": state({"A": ["x"]}),
        "an empty value": state({"A": ""}),
        "an empty name": state({"": "x"}),
        "NaN": '{"env_vars": {"A": NaN}}',
        "a name with a space": state({"A B": "x"}),
        "a name with an equals sign": state({"A=B": "x"}),
        "a name of shell code": state({"A;touch x": "x"}),
        "lower case": state({"lower": "x", "Mixed": "y"}),
        "both cases": state({"lower": "x", "LOWER": "y"}),
        "an unset marker": state({"A": UNSET, "B": "x"}),
        "PATH": state({"PATH": "/x"}),
        "path": state({"path": "/x"}),
        "CONDA_PREFIX": state({"CONDA_PREFIX": "/x"}),
        "CONDA_SHLVL": state({"CONDA_SHLVL": "7"}),
        "CONDA_EXE": state({"CONDA_EXE": "/x"}),
        "PS1": state({"PS1": "x"}),
        "HOME": state({"HOME": "/x"}),
        "self": state({"self": "x", "export_metavars": "y"}),
        "quotes and newlines": state({"A": 'it\'s "$x" `y`\n\\n\t'}),
        "a slash": state({"A": "/x//y/"}),
    }
    for name, text in texts.items():
        environ = {"A": "mine", "lower": "mine"}
        cases[f"state: {name}"] = ask("activate one", files={STATE: text})
        cases[f"state: {name}, left"] = ask("deactivate", "activate one", then={STATE: text})
        cases[f"state: {name}, reactivated"] = ask("reactivate", "activate one", then={STATE: text})
        cases[f"state: {name}, back to"] = ask(
            "deactivate", "activate one", "activate two", then={STATE: text}
        )
        cases[f"state: {name}, set before"] = ask("activate one", files={STATE: text}, environ=environ)
    return cases


ODD_STATES = {
    "state set before, left": ask(
        "deactivate", "activate one", files={STATE: state({"A": "1"})}, environ={"A": "mine"}
    ),
    "state set before to the same": ask("activate one", files={STATE: state({"A": "1"})}, environ={"A": "1"}),
    "state set before, empty": ask("activate one", files={STATE: state({"A": "1"})}, environ={"A": ""}),
    "state set before, empty, left": ask(
        "deactivate", "activate one", files={STATE: state({"A": "1"})}, environ={"A": ""}
    ),
    "state set at two levels, left": ask(
        "deactivate",
        "activate one",
        "activate two",
        files={STATE: state({"A": "1"}), f"{ENVIRONMENTS}/two/conda-meta/state": state({"A": "2"})},
    ),
    "state set at two levels, stacked": ask(
        "activate --stack two",
        "activate one",
        files={STATE: state({"A": "1"}), f"{ENVIRONMENTS}/two/conda-meta/state": state({"A": "2", "B": "2"})},
    ),
    "state is a folder": ask("activate one", files={STATE: Folder}),
    "state is a link to nothing": ask("activate one", files={STATE: Link("nowhere")}),
    "state cannot be read": ask("activate one", files={STATE: state({"A": "1"})}, then={STATE: Mode(0)}),
    "package variables and state": ask(
        "activate one", files={STATE: state({"B": "1"}), f"{OF_PACKAGES}/a.json": '{"A": "1"}'}
    ),
    "package variables and the same in state": ask(
        "activate one", files={STATE: state({"A": "2"}), f"{OF_PACKAGES}/a.json": '{"A": "1"}'}
    ),
    "package variables: no JSON": ask("activate one", files={f"{OF_PACKAGES}/a.json": "{"}),
    "package variables: a list": ask("activate one", files={f"{OF_PACKAGES}/a.json": "[]"}),
    "package variables: another suffix": ask("activate one", files={f"{OF_PACKAGES}/a.txt": '{"A": "1"}'}),
    "package variables: a folder": ask("activate one", files={f"{OF_PACKAGES}/a": Folder}),
    "package variables: empty": ask("activate one", files={OF_PACKAGES: Folder}),
    "package variables: a file": ask("activate one", files={OF_PACKAGES: ""}),
    "state of base": ask("activate base", files={"@ROOT@/conda-meta/state": state({"A": "1"})}),
}
USAGE = {
    f"usage: {' '.join(words)}": ask(words)
    for words in (
        ("activate", "one", "two"),
        ("activate", "--stack", "--no-stack", "one"),
        ("activate", "--stack", "--stack", "one"),
        ("activate", "--help"),
        ("activate", "-h"),
        ("activate", "one", "--help"),
        ("activate", "/?"),
        ("activate", ""),
        ("activate", "", "one"),
        ("activate", "activate"),
        ("activate", "activate", "one"),
        ("activate", "-n", "one"),
        ("activate", "-p", "/x"),
        ("activate", "--unknown"),
        ("activate", "--dev", "one"),
        ("activate", "--stack"),
        ("activate", "--"),
        ("deactivate", "one"),
        ("deactivate", "--help"),
        ("deactivate", "--dev"),
        ("deactivate", "deactivate"),
        ("deactivate", ""),
        ("deactivate", "--stack"),
        ("reactivate", "one"),
        ("reactivate", "--dev"),
        ("reactivate", "--help"),
    )
}
OTHERS = {
    **PLACES,
    **KEYS,
    **ENVS_DIRS,
    **VARIABLES,
    **HALF_STATES,
    **PATHS,
    **SCRIPTS,
    **ODD_STATES,
    **USAGE,
}
# Each of many values in each of several places.
PRODUCTS = {**list_condarc_places(), **LEVEL_NUMBERS, **odd_states()}
CASES = {**EVERYDAY, **OTHERS, **PRODUCTS}
