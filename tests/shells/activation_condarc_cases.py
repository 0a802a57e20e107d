"""Questions about a condarc: each of its places, each key that matters, and folders of environments."""

from __future__ import annotations

from activation_cases import ENVIRONMENTS, NO_PROMPT, STATE, ask, rc, state
from activation_world import Case, Gone, Link, Mode


def list_condarc_places() -> dict[str, Case]:
    """Return a case for each place in which conda looks for a condarc, and for the order of these places."""
    folders = {
        "/etc/conda": "@ETC@/conda",
        "/var/lib/conda": "@LIB@/conda",
        "the installation": "@ROOT@",
        "XDG_CONFIG_HOME": "@HOME@/xdg/conda",
        "~/.config/conda": "@HOME@/.config/conda",
        "~/.conda": "@HOME@/.conda",
        "the environment": f"{ENVIRONMENTS}/one",
    }
    cases = {}
    more = {"environ": {"XDG_CONFIG_HOME": "@HOME@/xdg"}}
    for place, folder in folders.items():
        for name in (".condarc", "condarc", "condarc.d/a.yml", "condarc.d/b.yaml"):
            cases[f"changeps1 in {name} of {place}"] = ask(
                "activate two", "activate one", files={f"{folder}/{name}": NO_PROMPT}, **more
            )
        cases[f"a file of another name in condarc.d of {place}"] = ask(
            "activate two", "activate one", files={f"{folder}/condarc.d/a.txt": NO_PROMPT}, **more
        )
    ranked = list(folders.values())
    for lower, higher in zip(ranked, ranked[1:]):
        cases[f"{higher} over {lower}"] = ask(
            "activate two",
            "activate one",
            files={
                f"{lower}/condarc": "env_prompt: '<{name}> '\n",
                f"{higher}/condarc": "env_prompt: '{name}: '\n",
            },
            **more,
        )
    return cases


PLACES = {
    "changeps1 in $CONDARC": ask(
        "activate one", files={"@HOME@/my.yml": NO_PROMPT}, environ={"CONDARC": "@HOME@/my.yml"}
    ),
    "$CONDARC of another name": ask(
        "activate one", files={"@HOME@/mine": NO_PROMPT}, environ={"CONDARC": "@HOME@/mine"}
    ),
    "$CONDARC is a folder": ask(
        "activate one", files={"@HOME@/rc/a.yml": NO_PROMPT}, environ={"CONDARC": "@HOME@/rc"}
    ),
    "$CONDARC with a tilde": ask(
        "activate one", files={"@HOME@/my.yml": NO_PROMPT}, environ={"CONDARC": "~/my.yml"}
    ),
    "$CONDARC relative": ask(
        "activate one", files={"@HOME@/my.yml": NO_PROMPT}, environ={"CONDARC": "my.yml"}
    ),
    "$CONDARC missing": ask("activate one", environ={"CONDARC": "@HOME@/nowhere.yml"}),
    "$CONDARC is /dev/null": ask("activate one", environ={"CONDARC": "/dev/null"}),
    "$CONDARC empty": ask("activate one", environ={"CONDARC": ""}),
    "condarc is a folder": ask("activate one", files={"@HOME@/.condarc/a.yml": NO_PROMPT}),
    "condarc is a link": ask("activate one", files={"@HOME@/.condarc": Link("rc"), "@HOME@/rc": NO_PROMPT}),
    "condarc is a link to nothing": ask("activate one", files={"@HOME@/.condarc": Link("nowhere")}),
    "condarc cannot be read": ask(
        "activate one", files={"@HOME@/.condarc": NO_PROMPT}, then={"@HOME@/.condarc": Mode(0)}
    ),
    "two files of one condarc.d": ask(
        "activate one",
        files={
            "@HOME@/.conda/condarc.d/a.yml": NO_PROMPT,
            "@HOME@/.conda/condarc.d/b.yml": "changeps1: yes\n",
        },
    ),
    "XDG_CONFIG_HOME is ~/.config": ask(
        "activate one",
        files={"@HOME@/.config/conda/.condarc": NO_PROMPT},
        environ={"XDG_CONFIG_HOME": "@HOME@/.config"},
    ),
}
KEYS = {
    "env_prompt": ask("activate one", files=rc("env_prompt: '({name}) '\n")),
    "env_prompt, default_env": ask("activate one", files=rc('env_prompt: "[{default_env}] "\n')),
    "env_prompt, stacked_env": ask(
        "activate --stack two", "activate one", files=rc("env_prompt: '({stacked_env}) '\n")
    ),
    "env_prompt, stacked_env, replaced": ask(
        "activate two", "activate one", files=rc("env_prompt: '({stacked_env}) '\n")
    ),
    "env_prompt, stacked_env, left": ask(
        "deactivate", "activate one", "activate --stack two", files=rc("env_prompt: '({stacked_env}) '\n")
    ),
    "env_prompt, stacked_env, reactivated": ask(
        "reactivate", "activate one", "activate --stack two", files=rc("env_prompt: '({stacked_env}) '\n")
    ),
    "env_prompt, prefix": ask("activate one", files=rc("env_prompt: '{prefix}$ '\n")),
    "env_prompt, no field": ask("activate one", files=rc("env_prompt: 'conda '\n")),
    "env_prompt, empty": ask("activate one", files=rc("env_prompt: ''\n")),
    "env_prompt, unquoted": ask("activate one", files=rc("env_prompt: ({name})\n")),
    "env_prompt, an escape": ask("activate one", files=rc('env_prompt: "\\e[1m{name}\\e[0m "\n')),
    "env_prompt, a doubled quote": ask("activate one", files=rc("env_prompt: 'it''s {name} '\n")),
    "env_prompt, unknown field": ask("activate one", files=rc("env_prompt: '{nothing} '\n")),
    "env_prompt, a format": ask("activate one", files=rc("env_prompt: '{name:>8} '\n")),
    "env_prompt, no closing brace": ask("activate one", files=rc("env_prompt: '{name '\n")),
    "env_prompt, an attribute": ask("activate one", files=rc("env_prompt: '{name.__class__} '\n")),
    "auto_stack": ask("activate two", "activate one", files=rc("auto_stack: 1\n")),
    "auto_stack: 2": ask("activate three", "activate one", "activate two", files=rc("auto_stack: 2\n")),
    "auto_stack at its end": ask(
        "activate three", "activate one", "activate two", files=rc("auto_stack: 1\n")
    ),
    "auto_stack: true": ask("activate two", "activate one", files=rc("auto_stack: true\n")),
    "auto_stack: false": ask("activate two", "activate one", files=rc("auto_stack: false\n")),
    "auto_stack, --no-stack": ask("activate --no-stack two", "activate one", files=rc("auto_stack: 1\n")),
    "auto_stack, no number": ask("activate two", "activate one", then=rc("auto_stack: often\n")),
    "changeps1: null": ask("activate one", files=rc("changeps1: null\n")),
    "changeps1: 0": ask("activate one", files=rc("changeps1: 0\n")),
    "changeps1: off": ask("activate one", files=rc("changeps1: off\n")),
    "changeps1: y": ask("activate one", files=rc("changeps1: y\n")),
    "changeps1: 'false'": ask("activate one", files=rc("changeps1: 'false'\n")),
    "changeps1: never": ask("activate one", files=rc("changeps1: never\n")),
    "changeps1 without a value": ask("activate one", files=rc("changeps1:\n")),
    "changeps1 twice": ask("activate one", files=rc("changeps1: true\nchangeps1: false\n")),
    "changeps1 final": ask(
        "activate one", files={"@ROOT@/condarc": "changeps1: false #!final\n", **rc("changeps1: true\n")}
    ),
    "changeps1 with a comment": ask("activate one", files=rc("changeps1: false # I have my own\n")),
    "changeps1 with a tight comment": ask("activate one", files=rc("changeps1: false#x\n")),
    "changeps1 with spaces before the colon": ask("activate one", files=rc("changeps1 : false\n")),
    "changeps1, the key in quotes": ask("activate one", files=rc('"changeps1": false\n')),
    "changeps1 on the next line": ask("activate one", files=rc("changeps1:\n  false\n")),
    "changeps1 tagged": ask("activate one", files=rc("changeps1: !!bool false\n")),
    "changeps1 with CR": ask("activate one", files=rc("changeps1: false\r\nchannels: [a]\r\n")),
    "changeps1 indented": ask("activate one", files=rc("  changeps1: false\n")),
    "changeps1 after a tab": ask("activate one", files=rc("changeps1:\tfalse\n")),
    "changeps1 below another key": ask("activate one", files=rc("conda-build:\n  changeps1: false\n")),
    "changeps1 in a block of text": ask("activate one", files=rc("notes: |\n  x\n  changeps1: false\n")),
    "changeps1 in a text of two lines": ask("activate one", files=rc("notes: 'a\n  changeps1: false'\n")),
    "an alias of changeps1": ask("activate one", files=rc("a: &x false\nchangeps1: *x\n")),
    "a key that is true to YAML": ask("activate one", files=rc("on: 1\nchangeps1: false\n")),
    "a key that is a number": ask("activate one", files=rc("5: 1\nchangeps1: false\n")),
    "a key that is null": ask("activate one", files=rc("null: 1\nchangeps1: false\n")),
    "a question mark": ask("activate one", files=rc("? changeps1\n: false\n")),
    "a list in a list": ask("activate one", files=rc("channels:\n  - - a\nchangeps1: false\n")),
    "no number: 0x_": ask("activate one", files=rc("notes: 0x_\nchangeps1: no\n")),
    "no number: ._": ask("activate one", files=rc("notes: ._\nchangeps1: no\n")),
    "no number: 0b_, in a list": ask("activate one", files=rc("notes: [0b_]\nchangeps1: no\n")),
    "no number: 5000 digits": ask("activate one", files=rc(f"notes: {'9' * 5000}\nchangeps1: no\n")),
    "plain words": ask("activate one", files=rc("a: ./a_b\nb: ../a_b\nc: .a_b\nd: a_0\ne: 3.11\nf: .5\n")),
    "a date": ask("activate one", files=rc("notes: 2001-01-01\nchangeps1: false\n")),
    "a number in base 60": ask("activate one", files=rc("notes: 1:30\nchangeps1: false\n")),
    "an equals sign": ask("activate one", files=rc("notes: =\nchangeps1: false\n")),
    "an end marker": ask("activate one", files=rc("changeps1: false\n...\nchangeps1: true\n")),
    "two documents": ask("activate one", files=rc("changeps1: false\n---\nchangeps1: true\n")),
    "a value of two lines": ask("activate one", files=rc("notes: a\n  b\nchangeps1: false\n")),
    "a value in quotes with a colon": ask("activate one", files=rc("notes: 'a: b # c'\nchangeps1: false\n")),
    "a value behind quotes": ask("activate one", files=rc("notes: 'a' b\nchangeps1: false\n")),
    "a comment at the margin in a list": ask(
        "activate one", files=rc("channels:\n  - a\n# b\n  - c\nchangeps1: false\n")
    ),
    "no newline at the end": ask("activate one", files=rc("changeps1: false")),
    "a very long condarc": ask("activate one", files=rc("# x\n" * 20000 + NO_PROMPT)),
    "a no-break space": ask("activate one", files=rc("changeps1:\u00a0false\n")),
    "a line separator": ask("activate one", files=rc("notes: a\u2028changeps1: false\n")),
    "a merge key": ask("activate one", files=rc("<<: {changeps1: false}\n")),
    "a document marker": ask("activate one", files=rc("---\nchangeps1: false\n")),
    "a flow mapping": ask("activate one", files=rc("{changeps1: false, channels: [a]}\n")),
    "a byte order mark": ask("activate one", files={"@HOME@/.condarc": b"\xef\xbb\xbfchangeps1: false\n"}),
    "a condarc in Latin-1": ask(
        "activate one", files={"@HOME@/.condarc": b"# f\xfcr mich\nchangeps1: false\n"}
    ),
    "a condarc in UTF-8": ask("activate one", files=rc("# für mich\nchangeps1: false\n")),
    "keys that conda does not know": ask("activate one", files=rc("nothing: 1\nchangeps1: false\n")),
    "a value of the wrong kind elsewhere": ask("activate one", files=rc("channels: 5\nssl_verify: []\n")),
    "channels with a mapping": ask("activate one", files=rc("channels:\n  - a: b\n")),
    "proxies": ask(
        "activate one",
        files=rc(
            "proxy_servers:\n  http: http://proxy.example.org:8080\n  https: http://proxy.example.org:8080\n"
        ),
    ),
    "custom channels": ask(
        "activate one",
        files=rc(
            "custom_channels:\n  lab: https://conda.example.org\ndefault_channels:\n  - https://a.example.org/main\n"
        ),
    ),
    "a URL with a fragment": ask("activate one", files=rc("channel_alias: https://example.org/#a\n")),
    "envvars_force_uppercase: false": ask(
        "activate one", files={**rc("envvars_force_uppercase: false\n"), STATE: state({"lower": "1"})}
    ),
    "envvars_force_uppercase: true": ask("activate one", files=rc("envvars_force_uppercase: true\n")),
    "root_prefix": ask("activate base", files=rc("root_prefix: ~/work/place\n")),
    "root_dir": ask("activate base", files=rc("root_dir: ~/work/place\n")),
    "dev: true": ask("activate one", files=rc("dev: true\n")),
    "plugins": ask("activate one", files=rc("plugins:\n  a: 1\n")),
    "a list at the top": ask("activate one", files=rc("- a\n- b\n")),
    "a word at the top": ask("activate one", files=rc("changeps1\n")),
    "no YAML": ask("activate one", files=rc("channels: [a\n")),
    "no YAML, left": ask("deactivate", "activate one", then=rc("channels: [a\n")),
    "no YAML: a tab": ask("activate one", files=rc("channels:\n\t- a\n")),
    "no YAML: indentation": ask("activate one", files=rc("channels:\n  - a\n - b\n")),
    "no YAML: a colon": ask("activate one", files=rc("channels: a: b\n")),
    "no YAML: a quote": ask("activate one", files=rc("env_prompt: 'it's'\n")),
    "no YAML: an at sign": ask("activate one", files=rc("channels:\n  - @lab\n")),
    "no YAML: a control character": ask("activate one", files=rc("channels: [a]\n# \x07\n")),
    "no YAML: a key twice": ask("activate one", files=rc("channels: [a]\nchannels: [b]\n")),
    "no YAML in condarc.d": ask("activate one", files={"@HOME@/.conda/condarc.d/a.yml": "a: [\n"}),
}
ENVS_DIRS = {
    "envs_dirs: a variable in a variable": ask(
        "activate place",
        files=rc("envs_dirs:\n  - $A/other\n"),
        environ={"A": "$B", "B": "@HOME@/work/.."},
        then={"@HOME@/other/place/conda-meta/history": ""},
    ),
    "CONDA_ENVS_PATH with a variable in a variable": ask(
        "activate one",
        files={"@HOME@/work/one/conda-meta/history": "", "@HOME@/.conda/envs/one/conda-meta/history": ""},
        environ={"A": "$B", "B": "@HOME@/work", "CONDA_ENVS_PATH": "$A"},
    ),
    "env_prompt wider than memory": ask("activate one", environ={"CONDA_ENV_PROMPT": "{name:9999999999999}"}),
    "envs_dirs before CONDA_ENVS_PATH": ask(
        "activate one",
        files={**rc("envs_dirs: ['@HOME@/work']\n"), "@HOME@/work/one/conda-meta/history": ""},
    ),
    "envs_dirs of two files": ask(
        "activate place",
        files={
            **rc("envs_dirs:\n  - ~/work\n"),
            "@ROOT@/condarc": "envs_dirs:\n  - ~/other\n",
            "@HOME@/other/place/conda-meta/history": "",
        },
    ),
    "envs_dirs with a variable": ask(
        "activate place",
        files=rc("envs_dirs:\n  - $PLACE_OF_MINE\n"),
        environ={"PLACE_OF_MINE": "@HOME@/work"},
    ),
    "envs_dirs with an unset variable": ask(
        "activate one", files=rc("envs_dirs:\n  - ${NOT_SET_AT_ALL}/envs\n")
    ),
    "envs_dirs with a word": ask("activate place", files=rc("envs_dirs: ~/work\n")),
    "envs_dirs with colons": ask("activate place", files=rc("envs_dirs: ~/nowhere:~/work\n")),
    "envs_dirs at the margin": ask("activate place", files=rc("envs_dirs:\n- ~/work\n- '~/wo rk'\n")),
    "envs_dirs in a flow of two lines": ask(
        "activate place", files=rc("envs_dirs: [~/nowhere,\n  ~/work]\n")
    ),
    "envs_dirs of the top": ask("activate place", files=rc("envs_dirs:\n  - ~/nowhere\n  - ~/work  #!top\n")),
    "envs_dirs final": ask("activate place", files={"@ROOT@/condarc": "envs_dirs:  #!final\n  - ~/work\n"}),
    "envs_dirs null": ask("activate one", files=rc("envs_dirs:\n")),
    "envs_dirs empty": ask("activate one", files=rc("envs_dirs: []\n")),
    "envs_dirs with null": ask("activate one", files=rc("envs_dirs:\n  - \n  - ~/work\n")),
    "envs_dirs with a number": ask("activate one", files=rc("envs_dirs:\n  - 5\n")),
    "envs_path, the other name": ask("activate place", files=rc("envs_path:\n  - ~/work\n")),
    "envs_dirs and envs_path": ask("activate place", files=rc("envs_path: [a]\nenvs_dirs: [~/work]\n")),
    "envs_dirs of another user": ask(
        "activate one", files=rc("envs_dirs:\n  - ~nobody/envs\n  - ~nosuchuser/envs\n")
    ),
    "envs_dirs relative": ask("activate place", files=rc("envs_dirs:\n  - work\n")),
    "CONDA_ENVS_DIRS": ask(
        "activate place", environ={"CONDA_ENVS_PATH": None, "CONDA_ENVS_DIRS": "/nowhere:@HOME@/work"}
    ),
    "CONDA_ENVS_PATH and CONDA_ENVS_DIRS": ask("activate one", environ={"CONDA_ENVS_DIRS": "@HOME@/work"}),
    "CONDA_ENVS_PATH of two": ask(
        "activate place", environ={"CONDA_ENVS_PATH": "@HOME@/conda/envs:@HOME@/work"}
    ),
    "CONDA_ENVS_PATH with a variable": ask("activate place", environ={"CONDA_ENVS_PATH": "$HOME/work"}),
    "CONDA_ENVS_PATH with a tilde": ask("activate place", environ={"CONDA_ENVS_PATH": "~/work"}),
    "CONDA_ENVS_PATH empty": ask("activate four", environ={"CONDA_ENVS_PATH": ""}),
    "CONDA_ENVS_PATH with empty entries": ask(
        "activate place", environ={"CONDA_ENVS_PATH": ":@HOME@/nowhere::@HOME@/work:"}
    ),
    "CONDA_ENVS_PATH with spaces": ask("activate place", environ={"CONDA_ENVS_PATH": " @HOME@/work : /x "}),
    "CONDA_ENVS_PATH with a comma": ask(
        "activate one", environ={"CONDA_ENVS_PATH": "@HOME@/work,@HOME@/conda/envs"}
    ),
    "CONDA_ENVS_PATH relative": ask("activate place", environ={"CONDA_ENVS_PATH": "work"}),
    "in ~/.conda/envs and the installation": ask(
        "activate four", files={"@ROOT@/envs/four/conda-meta/history": ""}
    ),
    "in both, the installation read-only": ask(
        "activate four",
        files={"@ROOT@/envs/four/conda-meta/history": ""},
        then={"@ROOT@/conda-meta/history": Mode(0o444)},
    ),
    "in both, no history": ask(
        "activate four",
        files={"@ROOT@/envs/four/conda-meta/history": "", "@ROOT@/conda-meta/history": Gone},
    ),
}
